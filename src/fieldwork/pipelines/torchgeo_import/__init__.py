"""The pipeline ``torchgeo_import``."""

from fieldwork.pipelines.torchgeo_import.pipeline import create_pipeline

__all__ = ["create_pipeline"]

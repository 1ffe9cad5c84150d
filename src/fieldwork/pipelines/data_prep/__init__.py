"""The pipeline ``data_prep``."""

from fieldwork.pipelines.data_prep.pipeline import create_pipeline

__all__ = ["create_pipeline"]

"""The pipeline ``inference``."""

from fieldwork.pipelines.inference.pipeline import create_pipeline

__all__ = ["create_pipeline"]

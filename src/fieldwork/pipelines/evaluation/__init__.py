"""The pipeline ``evaluation``."""

from fieldwork.pipelines.evaluation.pipeline import create_pipeline

__all__ = ["create_pipeline"]

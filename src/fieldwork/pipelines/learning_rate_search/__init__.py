"""The pipeline ``learning_rate_search``."""

from fieldwork.pipelines.learning_rate_search.pipeline import create_pipeline

__all__ = ["create_pipeline"]

"""The pipeline ``sample_data``."""

from fieldwork.pipelines.sample_data.pipeline import create_pipeline

__all__ = ["create_pipeline"]

"""The pipeline ``model_build``."""

from fieldwork.pipelines.model_build.pipeline import create_pipeline

__all__ = ["create_pipeline"]

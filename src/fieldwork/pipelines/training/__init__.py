"""The pipeline ``training``."""

from fieldwork.pipelines.training.pipeline import create_pipeline

__all__ = ["create_pipeline"]

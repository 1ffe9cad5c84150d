"""What came of a run -> one page."""

from fieldwork.pipelines.report.pipeline import create_pipeline

__all__ = ["create_pipeline"]

"""Nothing -> the embedded sample. Runs on request only: ``kedro run --pipelines sample_data``."""

from __future__ import annotations

from kedro.pipeline import Pipeline, node

from fieldwork.pipelines.sample_data.nodes import make_landscapes


def create_pipeline() -> Pipeline:
    """Return the pipeline."""
    outputs = ["sample_scenes", "sample_labels", "sample_outlines"]
    return Pipeline([node(make_landscapes, "params:sample_data", outputs, name="make_landscapes")])

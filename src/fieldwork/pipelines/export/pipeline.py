"""Trained bundle and scenes -> one file that needs nothing of this project, and how it was compared with the bundle."""

from __future__ import annotations

from kedro.pipeline import Pipeline, node

from fieldwork.pipelines.export.nodes import export_model


def create_pipeline() -> Pipeline:
    """Return the pipeline."""
    inputs = ["trained_bundle", "inference_scenes", "params:export", "params:inference"]
    return Pipeline([node(export_model, inputs, ["exported_model", "export_report"], name="export_model")])

"""Parameters -> initial bundle, model card. Reads no pixel."""

from __future__ import annotations

from kedro.pipeline import Pipeline, node

from fieldwork.pipelines.model_build.nodes import build_model, describe_model


def create_pipeline() -> Pipeline:
    """Return the pipeline."""
    return Pipeline(
        [
            node(build_model, ["params:data", "params:model", "params:seed"], "initial_bundle", name="build_model"),
            node(describe_model, ["initial_bundle", "params:data"], "model_card", name="describe_model"),
        ]
    )

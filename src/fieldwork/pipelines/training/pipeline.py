"""Initial bundle and samples -> trained bundle, history."""

from __future__ import annotations

from kedro.pipeline import Pipeline, node

from fieldwork.pipelines.training.nodes import draw_history, train_model


def create_pipeline() -> Pipeline:
    """Return the pipeline."""
    inputs = ["initial_bundle", "samples", "scenes", "labels", "statistics", "params:training", "params:seed"]
    return Pipeline(
        [
            node(train_model, [*inputs, "checkpoints"], ["trained_bundle", "history"], name="train_model"),
            node(draw_history, "history", "history_figure", name="draw_history"),
        ]
    )

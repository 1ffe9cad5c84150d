"""Initial bundle and samples -> trained bundle, history, encoder for other models."""

from __future__ import annotations

from kedro.pipeline import Pipeline, node

from fieldwork.pipelines.training.nodes import draw_history, keep_encoder, open_chips, train_model


def create_pipeline() -> Pipeline:
    """Return the pipeline."""
    read_from = ["samples", "scenes", "labels", "packed_chips"]
    inputs = ["initial_bundle", "training_chips", "statistics", "params:training", "params:seed", "checkpoints"]
    return Pipeline(
        [
            node(open_chips, ["initial_bundle", *read_from], "training_chips", name="open_chips"),
            node(train_model, inputs, ["trained_bundle", "history"], name="train_model"),
            node(keep_encoder, "trained_bundle", "encoder_weights", name="keep_encoder"),
            node(draw_history, "history", "history_figure", name="draw_history", tags="figures"),
        ]
    )

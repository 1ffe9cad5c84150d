"""Trained bundle and scenes -> predictions on the scenes' own grids, quick-looks."""

from __future__ import annotations

from kedro.pipeline import Pipeline, node

from fieldwork.pipelines.inference.nodes import draw_quicklooks, predict_scenes


def create_pipeline() -> Pipeline:
    """Return the pipeline."""
    inputs = ["trained_bundle", "inference_scenes", "params:inference"]
    return Pipeline(
        [
            node(predict_scenes, [*inputs, "inference_area"], "predictions", name="predict_scenes"),
            node(draw_quicklooks, [*inputs, "predictions"], "quicklooks", name="draw_quicklooks", tags="figures"),
        ]
    )

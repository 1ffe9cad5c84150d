"""Trained bundle and samples -> scores beside the baselines', figures."""

from __future__ import annotations

from kedro.pipeline import Pipeline, node

from fieldwork.pipelines.evaluation.nodes import draw_panel, evaluate_model


def create_pipeline() -> Pipeline:
    """Return the pipeline."""
    inputs = ["trained_bundle", "samples", "scenes", "labels"]
    settings = ["params:evaluation", "params:seed"]
    return Pipeline(
        [
            node(
                evaluate_model,
                [*inputs, "statistics", *settings],
                ["metrics", "scores", "scene_scores", "confusion_figure"],
                name="evaluate_model",
            ),
            node(draw_panel, [*inputs, "params:evaluation"], "panel_figure", name="draw_panel"),
        ]
    )

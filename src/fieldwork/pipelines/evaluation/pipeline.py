"""Trained bundle and samples -> scores beside the baselines', figures."""

from __future__ import annotations

from kedro.pipeline import Pipeline, node

from fieldwork.pipelines.evaluation.nodes import draw_extremes, draw_panel, evaluate_model, open_judged_chips


def create_pipeline() -> Pipeline:
    """Return the pipeline."""
    read_from = ["samples", "scenes", "labels", "packed_chips"]
    inputs, evaluation, asked = ["trained_bundle", "judged_chips"], "params:evaluation", "params:inference"
    return Pipeline(
        [
            node(
                open_judged_chips,
                ["trained_bundle", *read_from, evaluation],
                "judged_chips",
                name="open_judged_chips",
                tags="figures",
            ),
            node(
                evaluate_model,
                [*inputs, "statistics", evaluation, "params:seed", asked],
                ["metrics", "scores", "scene_scores", "confusion_figure", "reliability_figure", "chip_scores"],
                name="evaluate_model",
            ),
            node(
                draw_panel,
                [*inputs, evaluation, "params:seed", asked],
                "panel_figure",
                name="draw_panel",
                tags="figures",
            ),
            node(
                draw_extremes,
                [*inputs, "chip_scores", evaluation, "params:seed", asked],
                "extremes_figure",
                name="draw_extremes",
                tags="figures",
            ),
        ]
    )

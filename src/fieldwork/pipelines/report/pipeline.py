"""Scores, history, pictures, card, audit and predictions -> charts, and one page that shows all of them."""

from __future__ import annotations

from kedro.pipeline import Pipeline, node

from fieldwork.pipelines.report.nodes import draw_charts, gather_pictures, gather_texts, write_report


def create_pipeline() -> Pipeline:
    """Return the pipeline."""
    charts = ["score_chart", "history_chart", "scene_map"]
    pictures = ["confusion_figure", "reliability_figure", "extremes_figure", "panel_figure", "quicklooks"]
    told = ["trained_bundle", "samples", "model_card", "data_audit", "project_facts"]
    return Pipeline(
        [
            node(draw_charts, ["scores", "history", "samples"], charts, name="draw_charts", tags="figures"),
            node(gather_pictures, pictures, "report_pictures", name="gather_pictures"),
            node(gather_texts, told, "report_texts", name="gather_texts"),
            node(
                write_report,
                [*charts, "scores", "scene_scores", "report_pictures", "report_texts"],
                "report",
                name="write_report",
            ),
        ]
    )

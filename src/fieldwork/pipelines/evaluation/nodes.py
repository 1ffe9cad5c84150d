"""Nodes of ``evaluation``."""

from __future__ import annotations

from typing import Any

from groundwork.config import EvaluationConfig


def evaluate_model(
    bundle: Any, samples: Any, scenes: Any, labels: Any, statistics: Any, evaluation: EvaluationConfig, seed: int
) -> tuple[Any, Any, Any, Any]:
    """Judge the model and the baselines on the test split, from one confusion matrix each over all valid pixels."""
    from groundwork.data.statistics import Statistics
    from groundwork.evaluation import report
    from groundwork.evaluation.scores import headline

    data = report.held_out(bundle, samples, scenes, labels, evaluation)
    given = Statistics.model_validate(statistics)
    scores, by_scene, figure = report.evaluate_model(bundle, data, given, evaluation, seed)
    return headline(scores, data.target), scores, by_scene, figure


def draw_panel(bundle: Any, samples: Any, scenes: Any, labels: Any, evaluation: EvaluationConfig) -> Any:
    """Draw test chips: image, truth, prediction and error side by side."""
    from groundwork.evaluation.figures import draw_panel
    from groundwork.evaluation.predictors import ModelPredictor
    from groundwork.evaluation.report import held_out

    data = held_out(bundle, samples, scenes, labels, evaluation)
    return draw_panel(ModelPredictor(bundle), data, data.inputs[data.reference].shown, evaluation.panel_rows)

"""Nodes of ``evaluation``."""

from __future__ import annotations

from typing import Any

from groundwork.config import EvaluationConfig, InferenceConfig


def open_judged_chips(
    bundle: Any, samples: Any, scenes: Any, labels: Any, packed_chips: Any, evaluation: EvaluationConfig
) -> Any:
    """Join the samples that the model is judged on with what their chips are read from."""
    from groundwork.evaluation.report import held_out

    return held_out(bundle, samples, scenes, labels, evaluation, packed_chips)


def evaluate_model(
    bundle: Any, chips: Any, statistics: Any, evaluation: EvaluationConfig, seed: int, inference: InferenceConfig
) -> tuple[Any, ...]:
    """Judge the model and the baselines on samples it never saw, with intervals, and say whether it is of use."""
    from groundwork.data.statistics import Statistics
    from groundwork.evaluation.panels import headline
    from groundwork.evaluation.report import evaluate_model

    given = Statistics.model_validate(statistics)
    found = evaluate_model(bundle, chips, given, evaluation, seed, inference)
    short = headline(found.scores, bundle)
    return short, found.scores, found.by_scene, found.figure, found.reliability, found.chips


def draw_panel(bundle: Any, chips: Any, evaluation: EvaluationConfig, seed: int, inference: InferenceConfig) -> Any:
    """Draw chips beside what the model makes of them: prediction and error, or what it painted."""
    from groundwork.evaluation.panels import draw_chips

    return draw_chips(bundle, chips, evaluation, seed, inference)


def draw_extremes(
    bundle: Any, chips: Any, chip_scores: Any, evaluation: EvaluationConfig, seed: int, inference: InferenceConfig
) -> Any:
    """Draw the chips that the model does best, and those that it does worst."""
    from groundwork.evaluation.panels import draw_extremes

    return draw_extremes(bundle, chips, chip_scores, evaluation, seed, inference)

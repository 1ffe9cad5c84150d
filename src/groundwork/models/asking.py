"""Who is asked for scores, by what the configuration says of how: evaluation and prediction both take it from here."""

from __future__ import annotations

from groundwork.config.inference import InferenceConfig
from groundwork.errors import SpecError
from groundwork.models.dropout import DropoutScorer
from groundwork.models.engine import ModelScorer, Scorer
from groundwork.models.interface import Model
from groundwork.models.views import ViewScorer, views_of
from groundwork.targets.kind import TargetKind


def scorer_of(model: Model, kind: TargetKind, config: InferenceConfig) -> Scorer:
    """Return what gives the scores of a model's answers: once, in several views, with dropout, or both.

    Args:
        model: Of which answers are asked.
        kind: What they mean, and how several of them are made one.
        config: How it is asked.

    Raises:
        SpecError: For dropout that the model does not have, and for options that this kind has no use for.
    """
    scorer: Scorer = ModelScorer(model)
    if config.dropout_samples:
        scorer = DropoutScorer(model, config.dropout_samples, kind.combine)
    if config.augment.is_plain:
        return scorer
    if kind.per == "nothing":
        raise SpecError(_no_answers("nothing"))
    return ViewScorer(scorer, views_of(config.augment), kind.per, kind.combine)


def refuse_asking(produces: str, config: InferenceConfig) -> None:
    """Refuse options of asking for a model that gives no answers.

    Raises:
        SpecError: With what to change.
    """
    if produces != "answers" and not (config.augment.is_plain and not config.dropout_samples):
        raise SpecError(_no_answers(produces))


def _no_answers(given: str) -> str:
    return (
        f"'inference' asks the model several times, to make one answer of all; it gives {given}, no answers: set "
        "'inference.augment: none' and 'inference.dropout_samples: 0'"
    )

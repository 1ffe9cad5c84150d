"""All that is chosen for the scores of a model once its weights are found."""

from __future__ import annotations

from groundwork.bundle import Bundle
from groundwork.config.training import TrainingConfig
from groundwork.data.chips import LabelledData
from groundwork.training.conformal import with_sets
from groundwork.training.temperature import ValidationAnswers, with_temperature
from groundwork.training.thresholds import with_thresholds


def with_choices(trained: Bundle, data: LabelledData, training: TrainingConfig) -> Bundle:
    """Return the bundle with what is chosen for its scores on the validation split."""
    answers = ValidationAnswers(trained, data, training.loader.batch_size)
    if training.calibrate:
        # Before thresholds are chosen: they are of the probabilities that come of it.
        trained = with_temperature(trained, answers)
    if training.conformal is not None:
        trained = with_sets(trained, answers, training.conformal)
    return with_thresholds(trained, data, training.loader.batch_size)

"""How the weights of a model move: optimiser, groups of weights, and schedule."""

from __future__ import annotations

from collections.abc import Mapping

from lightning import Trainer
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig

from groundwork.config.training import AUTO, TrainingConfig
from groundwork.errors import SpecError
from groundwork.models.interface import Model
from groundwork.registry import build
from groundwork.targets.kind import Direction, TargetKind
from groundwork.tasks.optimizers import OPTIMIZERS, OptimizerRecipe
from groundwork.tasks.parameter_groups import group_parameters
from groundwork.tasks.schedules import SCHEDULES
from groundwork.tasks.schedules.base import Schedule
from groundwork.tasks.schedules.course import course_of
from groundwork.tasks.schedules.plateau import WatchedRates


def with_monitor(training: TrainingConfig, answers: type[TargetKind]) -> TrainingConfig:
    """Return a training whose ``monitor`` is a score: the main one of what is learnt, where it is to follow from that.

    Args:
        training: As it is stated.
        answers: What is learnt; where nothing is answered, the loss is watched.
    """
    if training.monitor != AUTO:
        return training
    return training.model_copy(update={"monitor": f"val/{answers.main_score or 'loss'}"})


class Learning:
    """Optimiser and schedule, as a training states them."""

    def __init__(self, training: TrainingConfig) -> None:
        """Build both.

        Raises:
            ComponentError: For an unknown name or option.
        """
        self._optimizer = build(OptimizerRecipe, OPTIMIZERS, training.optimizer, where="training.optimizer")
        self._schedule = build(Schedule, SCHEDULES, training.schedule, where="training.schedule")
        self._groups, self._monitor = training.parameter_groups, training.monitor

    def configure(
        self, model: Model, trainer: Trainer, directions: Mapping[str, Direction]
    ) -> OptimizerLRSchedulerConfig:
        """Return what Lightning moves weights and rates by.

        Args:
            model: Whose weights.
            trainer: Says how long the training lasts.
            directions: Score without its split -> whether more of it is better.

        Raises:
            SpecError: For a model without weights, and as of
                :func:`groundwork.tasks.parameter_groups.group_parameters`.
        """
        if next(model.parameters(), None) is None:
            raise SpecError(
                "The model has no weights that steps could train: 'training.task: estimator' fits a head of "
                "scikit-learn in one pass; for any other task take an encoder, a decoder or a head with weights"
            )
        optimizer = self._optimizer.build(group_parameters(model, self._groups))
        course = course_of(trainer, self._monitor, directions)
        return {"optimizer": optimizer, "lr_scheduler": self._schedule.build(optimizer, course)}


def show_scores(trainer: Trainer) -> None:
    """Let a schedule that watches a score see it, once it is measured and before the state of the training is kept."""
    for config in () if trainer.sanity_checking else trainer.lr_scheduler_configs:
        if isinstance(config.scheduler, WatchedRates):
            config.scheduler.watch(trainer.callback_metrics)

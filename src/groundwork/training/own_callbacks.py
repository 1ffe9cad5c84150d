"""Callbacks that a user adds to a training."""

from __future__ import annotations

from collections.abc import Sequence

from lightning import Callback

from groundwork.config.training import TrainingConfig
from groundwork.errors import SpecError
from groundwork.tasks.estimator import EstimatorTask
from groundwork.training.checks import find_task


def require_steps(training: TrainingConfig, callbacks: Sequence[Callback]) -> None:
    """Refuse callbacks of a task that takes no steps.

    Raises:
        SpecError: With what to change.
    """
    task = find_task(training)
    if callbacks and (task.learns_from == "embedding" or issubclass(task, EstimatorTask)):
        raise SpecError(
            f"The task '{training.task.name}' takes no steps, and callbacks would never be called: leave out "
            f"{[type(part).__name__ for part in callbacks]}"
        )


def require_one_process(callbacks: Sequence[Callback]) -> None:
    """Refuse callbacks in several processes, which are told what a training is made from by a file.

    Raises:
        SpecError: With what to change.
    """
    if callbacks:
        raise SpecError(
            f"Callbacks of your own {[type(part).__name__ for part in callbacks]} are called in a training of one "
            "process: set 'trainer.devices: 1', or leave them out"
        )

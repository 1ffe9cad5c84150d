"""What a schedule knows of the training that it is for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from lightning import Trainer


@dataclass(frozen=True, slots=True)
class Course:
    """How long a training lasts, and what it is watched by."""

    num_steps: int
    num_epochs: int
    #: The score that weights are chosen by, and whether more of it is better. None: the last weights are kept.
    monitor: str | None = None
    direction: Literal["min", "max"] = "min"


def course_of(trainer: Trainer, monitor: str | None, directions: Mapping[str, Literal["min", "max"]]) -> Course:
    """Return how long a training lasts, and what it is watched by.

    Args:
        trainer: Of the training.
        monitor: The score that weights are chosen by.
        directions: Score without its split -> whether more of it is better.
    """
    steps, epochs = max(int(trainer.estimated_stepping_batches), 1), trainer.max_epochs or 1
    return Course(steps, epochs, monitor, directions.get((monitor or "").removeprefix("val/"), "min"))

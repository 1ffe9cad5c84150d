"""What every learning-rate schedule is."""

from __future__ import annotations

from abc import ABC, abstractmethod

from lightning.pytorch.utilities.types import LRSchedulerConfigType
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from groundwork.tasks.schedules.course import Course


class Schedule(ABC):
    """How the learning rate changes. Constructors take only options."""

    @abstractmethod
    def build(self, optimizer: Optimizer, course: Course) -> LRSchedulerConfigType:
        """Return what changes the rates of an optimiser, and when."""


class FactorSchedule(Schedule, ABC):
    """A factor on the learning rate, by how much of the training is done."""

    @abstractmethod
    def factor(self, progress: float) -> float:
        """Return the factor at a share of the training, 0 to 1."""

    def build(self, optimizer: Optimizer, course: Course) -> LRSchedulerConfigType:
        """See :class:`Schedule`; the factor moves with each step."""
        schedule = LambdaLR(optimizer, lambda step: self.factor(step / course.num_steps))
        return LRSchedulerConfigType(scheduler=schedule, interval="step")


def rising(progress: float, warmup: float) -> float:
    """Return the factor of a linear rise; the first step is not lost."""
    return max(progress / warmup, 0.01)

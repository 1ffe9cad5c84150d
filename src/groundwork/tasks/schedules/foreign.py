"""Schedules of torch and timm by their own names."""

from __future__ import annotations

from typing import Any, Literal

import timm.scheduler
import torch
from lightning.pytorch.utilities.types import LRSchedulerConfigType
from timm.scheduler.scheduler import Scheduler as TimmScheduler
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from groundwork.errors import ComponentError
from groundwork.tasks.foreign import build_foreign, check_foreign, classes_of
from groundwork.tasks.schedules.base import Schedule
from groundwork.tasks.schedules.course import Course

#: How long a training lasts, where torch calls it by one of these names.
LENGTHS = ("total_steps", "T_max", "total_iters")
#: Schedules of torch that take functions or other schedules, or watch a score.
NOT_IN_YAML = ("ChainedScheduler", "LambdaLR", "MultiplicativeLR", "ReduceLROnPlateau", "SequentialLR")


class TorchSchedule(Schedule):
    """Any schedule of ``torch.optim.lr_scheduler``, such as ``CyclicLR``, with its own options.

    Args:
        scheduler: Name of the class.
        options: Of the class. ``total_steps``, ``T_max`` and ``total_iters`` are as long as the training where they are
            not given.
        each: Whether it moves with each step or each epoch.
    """

    def __init__(
        self, *, scheduler: str, options: dict[str, Any] | None = None, each: Literal["step", "epoch"] = "step"
    ) -> None:
        """Find the class.

        Raises:
            ComponentError: For a name or an option that torch does not have.
        """
        known = classes_of(torch.optim.lr_scheduler, LRScheduler, without=("LRScheduler", *NOT_IN_YAML))
        if scheduler == "ReduceLROnPlateau":
            raise ComponentError("'ReduceLROnPlateau' watches a score: take the schedule 'plateau'")
        self._class = check_foreign(known, scheduler, options or {}, "torch.optim.lr_scheduler", ("optimizer",))
        self._options, self._each = options or {}, each

    def build(self, optimizer: Optimizer, course: Course) -> LRSchedulerConfigType:
        """See :class:`Schedule`."""
        length = course.num_steps if self._each == "step" else course.num_epochs
        asked = {name: length for name in LENGTHS if name in self._class.parameters and name not in self._options}
        # Of two ways to say how long it lasts, the other one was given.
        if {"epochs", "steps_per_epoch"} <= set(self._options):
            asked.pop("total_steps", None)
        scheduler = build_foreign(self._class, [optimizer], {**asked, **self._options})
        assert isinstance(scheduler, LRScheduler)  # noqa: S101 - of a class that is one
        return LRSchedulerConfigType(scheduler=scheduler, interval=self._each)


class TimmSchedule(Schedule):
    """Any schedule of ``timm.scheduler``, such as ``TanhLRScheduler``, with its own options; moves with each step.

    Args:
        scheduler: Name of the class.
        options: Of the class, lengths in steps. ``t_initial`` is as long as the training where it is not given.
    """

    def __init__(self, *, scheduler: str, options: dict[str, Any] | None = None) -> None:
        """Find the class.

        Raises:
            ComponentError: For a name or an option that timm does not have.
        """
        known = classes_of(timm.scheduler, TimmScheduler, without=("Scheduler", "PlateauLRScheduler"))
        own = ("optimizer", "t_in_epochs")
        self._class = check_foreign(known, scheduler, options or {}, "timm.scheduler", own)
        self._options = options or {}

    def build(self, optimizer: Optimizer, course: Course) -> LRSchedulerConfigType:
        """See :class:`Schedule`."""
        asked = {"t_initial": course.num_steps} if "t_initial" in self._class.parameters else {}
        inner = build_foreign(self._class, [optimizer], {**asked, **self._options, "t_in_epochs": False})
        assert isinstance(inner, TimmScheduler)  # noqa: S101 - of a class that is one
        return LRSchedulerConfigType(scheduler=TimmRates(optimizer, inner), interval="step")


class TimmRates(LRScheduler):
    """A schedule of timm as torch has them."""

    def __init__(self, optimizer: Optimizer, inner: TimmScheduler) -> None:
        self._inner = inner
        super().__init__(optimizer)

    def get_lr(self) -> list[float | Tensor]:
        """Return the rate of each group of parameters."""
        self._inner.step_update(self.last_epoch)
        return [float(group["lr"]) for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed training goes on from."""
        return {name: value for name, value in super().state_dict().items() if name != "_inner"}

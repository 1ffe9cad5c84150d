"""A learning rate that falls where nothing gets better."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from lightning.pytorch.utilities.types import LRSchedulerConfigType
from pydantic import Field
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from groundwork.tasks.schedules.base import Schedule
from groundwork.tasks.schedules.course import Course


class PlateauSchedule(Schedule):
    """The learning rate is multiplied by a factor where a score did not get better for some epochs.

    Args:
        factor: On the learning rate.
        patience: Measurements without a better score; there is one in each epoch, unless told otherwise.
        least_change: What counts as better, as a share of the score.
        lowest: The learning rate does not fall below this.
        monitor: None: the score of ``training.monitor``, by which weights are chosen.
    """

    def __init__(
        self,
        *,
        factor: Annotated[float, Field(gt=0, lt=1)] = 0.1,
        patience: Annotated[int, Field(ge=0)] = 5,
        least_change: Annotated[float, Field(ge=0)] = 1e-4,
        lowest: Annotated[float, Field(ge=0)] = 0.0,
        monitor: Literal["val/loss"] | None = None,
    ) -> None:
        self._options: dict[str, Any] = {
            "factor": factor, "patience": patience, "threshold": least_change, "min_lr": lowest,
        }  # fmt: skip
        self._monitor = monitor

    def build(self, optimizer: Optimizer, course: Course) -> LRSchedulerConfigType:
        """See :class:`Schedule`."""
        monitor = self._monitor or course.monitor or "val/loss"
        mode = "min" if monitor == "val/loss" else course.direction
        watched = WatchedRates(optimizer, ReduceLROnPlateau(optimizer, mode=mode, **self._options), monitor)
        return LRSchedulerConfigType(scheduler=watched, interval="epoch")


class WatchedRates(LRScheduler):
    """Rates that follow a score.

    Lightning would change them after it has kept the state of the training, so that a resumed one missed the change.
    """

    def __init__(self, optimizer: Optimizer, inner: ReduceLROnPlateau, monitor: str) -> None:
        self._inner, self._monitor = inner, monitor
        super().__init__(optimizer)

    def get_lr(self) -> list[float | Tensor]:
        """Return the rates as they are: epochs alone change nothing."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def watch(self, scores: Mapping[str, Tensor]) -> None:
        """Take the score that was measured."""
        self._inner.step(float(scores[self._monitor]))

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed training goes on from."""
        own = {name: value for name, value in super().state_dict().items() if name != "_inner"}
        return {**own, "watched": self._inner.state_dict()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from what :meth:`state_dict` gave."""
        own = dict(state_dict)
        self._inner.load_state_dict(own.pop("watched"))
        super().load_state_dict(own)

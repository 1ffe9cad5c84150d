"""Schedules one after the other."""

from __future__ import annotations

import math
from typing import Annotated, TypeAlias

from pydantic import BeforeValidator, Field

from groundwork.config.component import ComponentConfig, named
from groundwork.errors import ComponentError
from groundwork.registry import build
from groundwork.tasks.schedules import SCHEDULES
from groundwork.tasks.schedules.base import FactorSchedule, Schedule

#: A schedule with its options, or its name alone.
Named: TypeAlias = Annotated[ComponentConfig, BeforeValidator(named)]


class SequenceSchedule(FactorSchedule):
    """Schedules one after the other, each over its share of the training.

    Args:
        schedules: Names and options, in their order.
        shares: How much of the training each has; together 1.
    """

    def __init__(
        self, *, schedules: tuple[Named, ...], shares: tuple[Annotated[float, Field(gt=0, le=1)], ...]
    ) -> None:
        """Build the schedules.

        Raises:
            ComponentError: For other shares than schedules, shares that do not make up the whole, and schedules that
                do not go by the progress of the training.
        """
        if len(schedules) != len(shares) or not math.isclose(sum(shares), 1.0, abs_tol=1e-6):
            raise ComponentError(
                f"'sequence' needs a share for each of {len(schedules)} schedules, together 1; found {list(shares)}"
            )
        self._parts: list[FactorSchedule] = []
        for number, schedule in enumerate(schedules):
            built = build(Schedule, SCHEDULES, schedule, where=f"schedules[{number}]")
            if not isinstance(built, FactorSchedule):
                raise ComponentError(f"'{schedule.name}' does not go by the progress of the training: it stands alone")
            self._parts.append(built)
        self._shares = shares

    def factor(self, progress: float) -> float:
        """See :class:`FactorSchedule`."""
        begin = 0.0
        for part, share in zip(self._parts[:-1], self._shares, strict=False):
            if progress < begin + share:
                return part.factor((progress - begin) / share)
            begin += share
        return self._parts[-1].factor(min((progress - begin) / self._shares[-1], 1.0))

"""Schedules by the progress of the training."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Annotated, TypeAlias

from pydantic import Field

from groundwork.errors import ComponentError
from groundwork.tasks.schedules.base import FactorSchedule, rising

#: Of a whole, 1 included.
Share: TypeAlias = Annotated[float, Field(ge=0, le=1)]
#: Share of the training in which the learning rate rises.
Warmup: TypeAlias = Annotated[float, Field(ge=0, lt=1)]


class ConstantSchedule(FactorSchedule):
    """The learning rate stays, after a linear rise over the first share of the training.

    Args:
        warmup: Share of the training in which the rate rises.
    """

    def __init__(self, *, warmup: Warmup = 0.0) -> None:
        """Keep the share of the rise."""
        self._warmup = warmup

    def factor(self, progress: float) -> float:
        """See :class:`FactorSchedule`."""
        return rising(progress, self._warmup) if progress < self._warmup else 1.0


class FallingSchedule(FactorSchedule, ABC):
    """A linear rise over the first share of the training, then a fall to a share of the learning rate."""

    def __init__(self, warmup: float, final: float) -> None:
        """Keep both as shares: of the training (0.1 is its first tenth), and of the learning rate."""
        self._warmup, self._final = warmup, final

    @abstractmethod
    def fall(self, rest: float) -> float:
        """Return how much of the way down is left, 1 to 0, at a share of the fall."""

    def factor(self, progress: float) -> float:
        """See :class:`FactorSchedule`."""
        if progress < self._warmup:
            return rising(progress, self._warmup)
        rest = min((progress - self._warmup) / max(1 - self._warmup, 1e-9), 1.0)
        return self._final + (1 - self._final) * self.fall(rest)


class CosineSchedule(FallingSchedule):
    """A linear rise over the first share of the training, then half a cosine down to ``final``.

    Args:
        warmup: Share of the training in which the rate rises.
        final: Share of the learning rate that is left at the end.
    """

    def __init__(self, *, warmup: Warmup = 0.05, final: Share = 0.01) -> None:
        """See :class:`FallingSchedule`."""
        super().__init__(warmup, final)

    def fall(self, rest: float) -> float:
        """See :class:`FallingSchedule`."""
        return 0.5 * (1 + math.cos(math.pi * rest))


class PolynomialSchedule(FallingSchedule):
    """A linear rise, then a fall by a power of what is left (https://arxiv.org/abs/1706.05587); 1 is a straight one.

    Args:
        warmup: Share of the training in which the rate rises.
        power: Of what is left of the training.
        final: Share of the learning rate that is left at the end.
    """

    def __init__(
        self,
        *,
        warmup: Warmup = 0.0,
        power: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 0.9,
        final: Share = 0.0,
    ) -> None:
        """See :class:`FallingSchedule`."""
        super().__init__(warmup, final)
        self._power = power

    def fall(self, rest: float) -> float:
        """See :class:`FallingSchedule`."""
        return float((1 - rest) ** self._power)


class ExponentialSchedule(FallingSchedule):
    """A linear rise, then a fall by the same factor in each step, down to ``final``.

    Args:
        warmup: Share of the training in which the rate rises.
        final: Share of the learning rate that is left at the end.
    """

    def __init__(self, *, warmup: Warmup = 0.0, final: Annotated[float, Field(gt=0, le=1)] = 0.01) -> None:
        """See :class:`FallingSchedule`."""
        super().__init__(warmup, 0.0)
        self._lowest = final

    def fall(self, rest: float) -> float:
        """See :class:`FallingSchedule`."""
        return float(self._lowest**rest)


class StepsSchedule(FactorSchedule):
    """The learning rate is multiplied by a factor at each of some shares of the training.

    Args:
        at: Shares of the training at which the rate falls.
        factor: What it is multiplied by each time.
        warmup: Share of the training in which the rate rises.
    """

    def __init__(
        self,
        *,
        at: tuple[Annotated[float, Field(gt=0, lt=1)], ...] = (0.6, 0.85),
        factor: Annotated[float, Field(gt=0, lt=1)] = 0.1,
        warmup: Warmup = 0.0,
    ) -> None:
        """Keep shares and factor.

        Raises:
            ComponentError: For shares that are not in order.
        """
        if not at or list(at) != sorted(set(at)):
            raise ComponentError(
                f"'steps' needs shares of the training in rising order, such as [0.6, 0.85]; found {list(at)}"
            )
        self._at, self._factor, self._warmup = at, factor, warmup

    def factor(self, progress: float) -> float:
        """See :class:`FactorSchedule`."""
        if progress < self._warmup:
            return rising(progress, self._warmup)
        return float(self._factor ** sum(progress >= share for share in self._at))


class RestartsSchedule(FactorSchedule):
    """Half cosines down, one after the other, each from a share of the one before (https://arxiv.org/abs/1608.03983).

    Args:
        cycles: How many half cosines.
        decay: Where the next one begins, as a share of where the one before did.
        final: Lowest share of the learning rate.
    """

    def __init__(
        self,
        *,
        cycles: Annotated[int, Field(gt=1)] = 3,
        decay: Annotated[float, Field(gt=0, le=1)] = 1.0,
        final: Share = 0.01,
    ) -> None:
        """Keep how often, how much of the top is left each time, and the lowest share."""
        self._cycles, self._decay, self._final = cycles, decay, final

    def factor(self, progress: float) -> float:
        """See :class:`FactorSchedule`."""
        number = min(int(progress * self._cycles), self._cycles - 1)
        rest, top = progress * self._cycles - number, float(self._decay**number)
        return self._final + max(top - self._final, 0.0) * 0.5 * (1 + math.cos(math.pi * min(rest, 1.0)))


class OneCycleSchedule(FactorSchedule):
    """From a share of the learning rate up to it and down again, by cosines (https://arxiv.org/abs/1708.07120).

    Args:
        peak: Share of the training at which the top is.
        start: Share of the learning rate at the beginning.
        final: Share of it that is left at the end.
    """

    def __init__(
        self, *, peak: Annotated[float, Field(gt=0, lt=1)] = 0.3, start: Share = 0.04, final: Share = 1e-4
    ) -> None:
        """Keep at which share of the training the top is, and the shares of the learning rate at both ends."""
        self._peak, self._start, self._final = peak, start, final

    def factor(self, progress: float) -> float:
        """See :class:`FactorSchedule`."""
        if progress < self._peak:
            return _between(self._start, 1.0, progress / self._peak)
        return _between(1.0, self._final, min((progress - self._peak) / (1 - self._peak), 1.0))


def _between(start: float, end: float, share: float) -> float:
    return end + (start - end) * 0.5 * (1 + math.cos(math.pi * share))

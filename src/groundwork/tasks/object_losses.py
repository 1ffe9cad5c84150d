"""The losses of detectors, which know them best: what is found is matched with what is there inside of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from groundwork.config.training import LossTerm
from groundwork.errors import SpecError
from groundwork.registry import Table, build
from groundwork.strict import did_you_mean
from groundwork.tasks.optimizers import NotNegative


class ObjectLoss(ABC):
    """One loss of what a detector gives in training. Constructors take ``(*, options)``."""

    @abstractmethod
    def check(self, known: Sequence[str]) -> None:
        """Refuse options that do not fit the losses that a detector has, by their names.

        Raises:
            SpecError: With those that are known.
        """

    @abstractmethod
    def total(self, losses: Mapping[str, Tensor]) -> Tensor:
        """Return a single number for a detector's own losses by name."""


class DetectorLoss(ObjectLoss):
    """The sum of the detector's own losses.

    Args:
        weights: Name of one of them -> what it counts. Those that are not named count 1.
    """

    def __init__(self, *, weights: dict[str, NotNegative] | None = None) -> None:
        self._weights = weights or {}

    def check(self, known: Sequence[str]) -> None:
        """See :class:`ObjectLoss`."""
        for name in self._weights:
            if name not in known:
                raise SpecError(
                    f"'weights' of 'detector' names the loss '{name}', which the detector does not have."
                    f"{did_you_mean(name, list(known))} Known: {list(known)}"
                )
        if known and not any(self._weights.get(name, 1.0) for name in known):
            raise SpecError("'weights' of 'detector' are all 0: nothing would be learnt")

    def total(self, losses: Mapping[str, Tensor]) -> Tensor:
        """See :class:`ObjectLoss`."""
        return torch.stack([self._weights.get(name, 1.0) * loss for name, loss in losses.items()]).sum()


OBJECT_LOSSES: Table = {"detector": DetectorLoss}


class WeightedObjectLosses:
    """The weighted sum of several losses."""

    def __init__(self, terms: Sequence[LossTerm], known: Sequence[str]) -> None:
        """Build each term.

        Args:
            terms: Names, options and weights.
            known: Names of the losses that the detector has.

        Raises:
            ComponentError: For an unknown loss or option.
            SpecError: For options that do not fit the detector.
        """
        self._terms = [(term.weight, build(ObjectLoss, OBJECT_LOSSES, term)) for term in terms]
        for _, loss in self._terms:
            loss.check(known)

    def total(self, losses: Mapping[str, Tensor]) -> Tensor:
        """Return the sum."""
        return torch.stack([weight * loss.total(losses) for weight, loss in self._terms]).sum()

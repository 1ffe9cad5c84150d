"""What every way of choosing training chips is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, Literal, TypeAlias, TypeVar

from torch.utils.data import Dataset, Sampler

from groundwork.batch import Chip
from groundwork.specs import TargetSpec

Key = TypeVar("Key")
#: Where training reads chips from; see ``data.store``.
Store: TypeAlias = Literal["files", "packed"]


class EpochOrder(Sampler[Key], ABC):
    """Keys of chips, new ones each epoch, by seed and epoch alone: a resumed run sees what an unbroken one saw."""

    def __init__(self, length: int, seed: int) -> None:
        self._length, self._seed, self._epoch = length, seed, 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch; Lightning calls this before each."""
        self._epoch = epoch

    @property
    def draw(self) -> int:
        """What to draw the epoch by: another number for each seed and epoch."""
        return self._seed * 1_000_003 + self._epoch

    def __len__(self) -> int:
        return self._length

    @abstractmethod
    def __iter__(self) -> Iterator[Key]:
        """Yield the keys of the epoch."""


class Sampling(ABC):
    """Chooses training chips. Constructors take ``(data: LabelledData, seed: int, *, options)``."""

    @classmethod
    @abstractmethod
    def check(cls, store: Store, target: TargetSpec) -> None:
        """Refuse what this cannot choose from, before anything is read.

        Raises:
            SpecError: With what to change.
        """

    @abstractmethod
    def chips(self) -> Dataset[Chip]:
        """Return chips by the keys of :meth:`order`."""

    @abstractmethod
    def order(self) -> EpochOrder[Any]:
        """Return the keys of each epoch."""

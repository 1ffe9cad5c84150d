"""Each chip of the table once an epoch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import final

import torch
from torch.utils.data import Dataset

from groundwork.batch import Chip
from groundwork.data.chips import LabelledData
from groundwork.data.sampling.base import EpochOrder, Sampling, Store
from groundwork.specs import TargetSpec


@final
class ShuffledOrder(EpochOrder[int]):
    """The numbers of all chips, in a new order each epoch."""

    def __iter__(self) -> Iterator[int]:
        generator = torch.Generator().manual_seed(self.draw)
        yield from map(int, torch.randperm(self._length, generator=generator).numpy())


@final
class GridSampling(Sampling):
    """Each training chip of the table once an epoch, in a new order."""

    def __init__(self, data: LabelledData, seed: int) -> None:
        """Take no options."""
        self._chips, self._seed = data.chips("train"), seed

    @classmethod
    def check(cls, store: Store, target: TargetSpec) -> None:
        """See :class:`Sampling`; any will do."""

    def chips(self) -> Dataset[Chip]:
        """See :class:`Sampling`."""
        return self._chips

    def order(self) -> ShuffledOrder:
        """See :class:`Sampling`."""
        return ShuffledOrder(len(self._chips), self._seed)

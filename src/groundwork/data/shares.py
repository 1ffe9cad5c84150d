"""The part of each batch that one of several processes reads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Any, NamedTuple, TypeAlias

import torch
from torch.utils.data import Dataset, Sampler, SequentialSampler

from groundwork.batch import Batch, Chip, collate
from groundwork.data.sampling.base import EpochOrder
from groundwork.errors import TrainingError

#: Keys of all chips.
Order: TypeAlias = EpochOrder[Any] | SequentialSampler


@dataclass(frozen=True, slots=True)
class Share:
    """Which of the processes this one is, from 0, and how many there are."""

    rank: int = 0
    count: int = 1


class ShareKey(NamedTuple):
    """What a process reads."""

    #: Key of a chip.
    key: Any
    #: Whether the chip is the process's own. Others fill up its batch, and nothing is asked of them.
    own: bool


class ShareChip(NamedTuple):
    """A chip, and whether it is the process's own."""

    chip: Chip
    own: bool


class ShareBatches(Sampler[list[ShareKey]]):
    """Batches of one process. Those of all processes together are the batches of one with so many times their size.

    Each process has as many batches as the others. Where the last chips are too few for all of them, batches are filled
    up with chips that are repeated and not asked for.
    """

    def __init__(self, sampler: Order, share: Share, size: int, *, training: bool) -> None:
        """Divide the batches.

        Args:
            sampler: The keys of all chips. Lightning tells it the epoch, by this name.
            share: Which of the processes this one is.
            size: Chips in a batch of one process.
            training: Whether networks learn from the batches. Norms over a batch cannot compute with a single chip:
                where one is left of all, it is left out, as in one process; where one is left for a process, it is
                shown twice.
        """
        self.sampler, self._share, self._size, self._training = sampler, share, size, training

    def __len__(self) -> int:
        length, whole = len(self.sampler), self._size * self._share.count
        left_out = self._training and length > whole and length % whole == 1
        return length // whole if left_out else -(-length // whole)

    def __iter__(self) -> Iterator[list[ShareKey]]:
        """Yield the keys of each batch."""
        keys, whole = iter(self.sampler), self._size * self._share.count
        least = min(2, self._size) if self._training else 1
        for _ in range(len(self)):
            together = list(islice(keys, whole))
            own = together[self._share.rank :: self._share.count]
            filling = islice(cycle(own or together[:1]), max(least - len(own), 0))
            yield [*(ShareKey(key, True) for key in own), *(ShareKey(key, False) for key in filling)]


class ShareChips(Dataset[ShareChip]):
    """Chips by the keys of :class:`ShareBatches`."""

    def __init__(self, chips: Dataset[Chip]) -> None:
        self._chips = chips

    def __getitem__(self, key: ShareKey) -> ShareChip:
        """Read one chip."""
        return ShareChip(self._chips[key.key], key.own)

    def __len__(self) -> int:
        """Refuse to be divided: only a Trainer asks, which would divide the chips once more.

        Raises:
            TrainingError: With what to tell it.
        """
        raise TrainingError(
            "The chips are divided between the processes already, and Lightning's Trainer would do so once more: give "
            "it 'use_distributed_sampler: false' (Trainer(use_distributed_sampler=False))"
        )


def collate_share(chips: Sequence[ShareChip]) -> Batch:
    """Return chips as a batch that says which of them are the process's own, where others fill it up."""
    batch = collate([chip for chip, _ in chips])
    if not all(own for _, own in chips):
        batch["own"] = torch.tensor([own for _, own in chips])
    return batch

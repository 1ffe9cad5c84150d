"""Windows that lie anywhere on the ground of the training chips."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, NamedTuple, final

import numpy as np
from pydantic import Field
from torch.utils.data import Dataset

from groundwork.batch import Chip
from groundwork.data.chips import LabelledData, RasterChips
from groundwork.data.sampling.base import EpochOrder, Sampling, Store
from groundwork.data.sampling.ground import TrainingGround, refuse_packed
from groundwork.specs import TargetSpec


class WindowKey(NamedTuple):
    """What a window follows from."""

    #: Number of the chip that it is drawn around.
    chip: int
    epoch: int
    #: Number of the window in its epoch.
    number: int


@final
class WindowOrder(EpochOrder[WindowKey]):
    """Windows around chips: around each one, in a new order, before any has a second."""

    def __init__(self, length: int, seed: int, num_chips: int) -> None:
        super().__init__(length, seed)
        self._num_chips = num_chips

    def __iter__(self) -> Iterator[WindowKey]:
        random = np.random.default_rng([self._seed, self._epoch])
        for number in range(self._length):
            if number % self._num_chips == 0:
                order = random.permutation(self._num_chips)
            yield WindowKey(int(order[number % self._num_chips]), self._epoch, number)


@final
class WindowChips(Dataset[Chip]):
    """Chips at places that are drawn."""

    def __init__(self, data: LabelledData, seed: int) -> None:
        samples = data.of_split("train")
        self._chips, self._ground = RasterChips(data, samples), TrainingGround(samples)
        self._kind, self._seed = data.kind, seed

    def __getitem__(self, key: WindowKey) -> Chip:
        """Read one window; where nothing of it is known, the chip that it was drawn around."""
        random = np.random.default_rng([self._seed, key.epoch, key.number])
        row, column = self._ground.draw(key.chip, random)
        chip = self._chips.read_at(key.chip, row, column)
        sums = np.array([term.sum() for term in self._kind.terms(np.asarray(chip.patch.target))])
        return chip if self._kind.num_known(sums) else self._chips.read_at(key.chip)


@final
class RandomSampling(Sampling):
    """Windows drawn anew each epoch, anywhere on the ground of the training chips."""

    def __init__(
        self, data: LabelledData, seed: int, *, samples_per_epoch: Annotated[int, Field(gt=0)] | None = None
    ) -> None:
        """Find the ground.

        Args:
            data: Whose training chips say where windows may lie.
            seed: Of the run.
            samples_per_epoch: Windows of an epoch. None: as many as the table has training chips.

        Raises:
            SpecError: For packed chips.
        """
        self.check("files" if data.store is None else "packed", data.target)
        self._chips, self._seed, self._num_chips = WindowChips(data, seed), seed, len(data.of_split("train"))
        self._length = samples_per_epoch or self._num_chips

    @classmethod
    def check(cls, store: Store, target: TargetSpec) -> None:  # noqa: ARG003
        """See :class:`Sampling`."""
        refuse_packed("random", store)

    def chips(self) -> Dataset[Chip]:
        """See :class:`Sampling`."""
        return self._chips

    def order(self) -> WindowOrder:
        """See :class:`Sampling`."""
        return WindowOrder(self._length, self._seed, self._num_chips)

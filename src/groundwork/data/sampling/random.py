"""Windows that lie anywhere on the ground of the training chips."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, NamedTuple, final

import numpy as np
import pandas as pd
from pydantic import Field
from torch.utils.data import Dataset

from groundwork.batch import Chip
from groundwork.data import sample_table as table
from groundwork.data.chips import LabelledData, RasterChips
from groundwork.data.sampling.base import EpochOrder, Sampling, Store
from groundwork.errors import SpecError
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


class TrainingGround:
    """Where windows may lie: on ground that training chips of the scene cover.

    That keeps clear of the other splits as far as these chips do, whatever the split and its buffer.
    """

    def __init__(self, samples: pd.DataFrame) -> None:
        """Keep the windows of chips by scene."""
        self._windows = table.windows(samples)
        self._scenes = pd.factorize(samples[table.SCENE])[0]
        self._order = self._scenes.argsort(kind="stable")
        self._starts = np.searchsorted(self._scenes[self._order], np.arange(self._scenes.max(initial=-1) + 2))

    def draw(self, chip: int, random: np.random.Generator) -> tuple[int, int]:
        """Return row and column of a window of the size of a chip, at most half of that away from it.

        Where that would leave the ground it is moved along one side only, or not at all. Drawing again instead would
        show the pixels at borders hardly ever, as few windows hold them.
        """
        row, column, size = self._windows[chip].tolist()
        half = size // 2
        down, right = random.integers(-half, half + 1, 2).tolist()
        for place in ((row + down, column + right), (row + down, column), (row, column + right)):
            if self._covers(chip, *place):
                return place
        return row, column

    def _covers(self, chip: int, row: int, column: int) -> bool:
        scene, size = self._scenes[chip], int(self._windows[chip, 2])
        chips = self._windows[self._order[self._starts[scene] : self._starts[scene + 1]]]
        start = chips[:, :2] - (row, column)
        near = (start < size).all(axis=1) & (start + chips[:, 2:] > 0).all(axis=1)
        covered = np.zeros((size, size), np.bool_)
        for (top, left), side in zip(start[near].tolist(), chips[near, 2].tolist(), strict=True):
            covered[max(top, 0) : top + side, max(left, 0) : left + side] = True
        return bool(covered.all())


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
        if store == "packed":
            raise SpecError(
                "'random' draws windows between those of the sample table, and packed chips hold no others: set "
                "'data.store: files', or 'training.sampling: grid' or 'balanced'"
            )

    def chips(self) -> Dataset[Chip]:
        """See :class:`Sampling`."""
        return self._chips

    def order(self) -> WindowOrder:
        """See :class:`Sampling`."""
        return WindowOrder(self._length, self._seed, self._num_chips)

"""Where windows may lie that are not those of the table."""

from __future__ import annotations

import numpy as np
import pandas as pd

from groundwork.data import sample_table as table
from groundwork.data.sampling.base import Store
from groundwork.errors import SpecError


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
        down, right = random.integers(-(size // 2), size // 2 + 1, 2).tolist()
        return self.place(chip, row + down, column + right)

    def place(self, chip: int, row: int, column: int) -> tuple[int, int]:
        """Return where a window that overlaps a chip comes to lie: there, or else nearer to the chip."""
        top, left, _ = self._windows[chip].tolist()
        for place in ((row, column), (row, left), (top, column)):
            if self._covers(chip, *place):
                return place
        return top, left

    def window(self, chip: int) -> tuple[int, int, int]:
        """Return first row, first column and side of a chip."""
        row, column, size = self._windows[chip].tolist()
        return row, column, size

    def _covers(self, chip: int, row: int, column: int) -> bool:
        scene, size = self._scenes[chip], int(self._windows[chip, 2])
        chips = self._windows[self._order[self._starts[scene] : self._starts[scene + 1]]]
        start = chips[:, :2] - (row, column)
        near = (start < size).all(axis=1) & (start + chips[:, 2:] > 0).all(axis=1)
        covered = np.zeros((size, size), np.bool_)
        for (top, left), side in zip(start[near].tolist(), chips[near, 2].tolist(), strict=True):
            covered[max(top, 0) : top + side, max(left, 0) : left + side] = True
        return bool(covered.all())


def refuse_packed(name: str, store: Store) -> None:
    """Refuse packed chips beside a way to choose windows that the table does not have.

    Raises:
        SpecError: With what to change.
    """
    if store == "packed":
        raise SpecError(
            f"'{name}' draws windows between those of the sample table, and packed chips hold no others: set "
            "'data.store: files', or 'training.sampling: grid' or 'balanced'"
        )

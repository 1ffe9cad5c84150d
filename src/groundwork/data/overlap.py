"""Chips of one scene may overlap; each pixel counts once, in statistics and in scores."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from groundwork.data import sample_table as table

if TYPE_CHECKING:
    # It takes memory that maps do not need.
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Covered:
    """The parts of each chip that an earlier chip of its scene covers. Arrays, which worker processes share."""

    #: Where the parts of each chip begin, and their number behind the last (chips + 1,).
    starts: NDArray[np.int64]
    #: First and last row, first and last column of each part, the last ones left out (parts, 4).
    parts: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.starts) - 1

    def __bool__(self) -> bool:
        """Whether any chip is covered."""
        return len(self.parts) > 0

    def of(self, index: int) -> list[tuple[slice, slice]]:
        """Return the parts of one chip, as rows and columns of it."""
        found = self.parts[self.starts[index] : self.starts[index + 1]].tolist()
        return [(slice(top, bottom), slice(left, right)) for top, bottom, left, right in found]


def count_once(samples: pd.DataFrame) -> Covered:
    """Return, for each chip, the parts that an earlier chip of its scene covers, so that no pixel counts twice."""
    found = [np.empty((0, 5), np.int64), *(_covered(places, rows) for places, rows in _by_scene(samples))]
    covered = np.concatenate(found)
    covered = covered[covered[:, 0].argsort(kind="stable")]
    starts = np.searchsorted(covered[:, 0], np.arange(len(samples) + 1))
    return Covered(starts.astype(np.int64), covered[:, 1:].astype(np.int32))


def _by_scene(samples: pd.DataFrame) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Yield windows of the chips of each scene that has several, and their rows in the table."""
    import pandas as pd  # noqa: PLC0415 - it takes 60 MB that maps do not need

    windows, scenes = table.windows(samples), pd.factorize(samples[table.SCENE])[0]
    order = scenes.argsort(kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(scenes[order])) + 1):
        if len(rows) > 1:
            yield windows[rows], rows


def _covered(places: NDArray[np.int64], rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the row of a chip in the table, and first and last row and column of a part of it, for each part."""
    from scipy.spatial import cKDTree  # noqa: PLC0415 - it takes memory that maps do not need

    near = cKDTree(places[:, :2]).query_pairs(places[:, 2].max() - 0.5, p=np.inf, output_type="ndarray")
    # Ordered by chip and earlier chip, as the tree gives them in an order of its own.
    earlier, order = near[np.lexsort(near.T)].T
    size, other = places[order, 2:], places[earlier]
    start = other[:, :2] - places[order, :2]
    first, last = np.maximum(start, 0), np.minimum(start + other[:, 2:], size)
    parts: NDArray[np.int64] = np.stack([rows[order], first[:, 0], last[:, 0], first[:, 1], last[:, 1]], axis=1)
    inside: NDArray[np.int64] = parts[(first < last).all(axis=1)]
    return inside

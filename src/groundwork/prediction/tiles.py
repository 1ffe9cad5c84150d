"""Cut a grid into tiles that share borders, and weigh each tile so that all of them add up to one everywhere."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from groundwork.rasters.windows import window_starts

#: Widest part of a scene that is worked on at once, in pixels. It bounds the memory, whatever the scene's width.
BAND_WIDTH = 5120


@dataclass(frozen=True, slots=True)
class Axis:
    """Tiles along one axis of a scene."""

    length: int
    #: Length of each tile; the scene's where that is shorter.
    size: int
    starts: tuple[int, ...]
    #: For each tile, the weight of each of its pixels; the weights of all tiles over a pixel add up to 1.
    weights: tuple[NDArray[np.float32], ...]

    def next_start(self, index: int) -> int:
        """Return where the next tile starts; up to there the pixels of tile ``index`` are final."""
        return self.starts[index + 1] if index + 1 < len(self.starts) else self.length

    def first_reaching(self, index: int) -> int:
        """Return the first tile that reaches into tile ``index``, or itself."""
        return next(number for number, start in enumerate(self.starts) if start + self.size > self.starts[index])


def make_axis(length: int, tile_size: int, overlap: int) -> Axis:
    """Lay tiles along an axis of ``length`` pixels; neighbours share at least ``overlap`` pixels."""
    size = min(tile_size, length)
    starts = window_starts(length, size, max(size - overlap, 1))
    ramp = np.minimum(np.arange(1, size + 1), overlap + 1) / (overlap + 1)
    profile = np.minimum(ramp, ramp[::-1])
    total = np.zeros(length)
    for start in starts:
        total[start : start + size] += profile
    weights = tuple((profile / total[start : start + size]).astype(np.float32) for start in starts)
    return Axis(length, size, tuple(starts), weights)


@dataclass(frozen=True, slots=True)
class Band:
    """Neighbouring columns of tiles that are worked on together."""

    #: Indexes of the tiles along the horizontal axis.
    tiles: range
    #: First pixel that this band makes final, and the one after its last.
    left: int
    right: int


def column_bands(axis: Axis, band_width: int = BAND_WIDTH) -> list[Band]:
    """Group the tiles of the horizontal axis so that no group is much wider than ``band_width``.

    Tiles of the band before that reach into this one are part of both, as the pixels they share need all of them.
    """
    bands: list[Band] = []
    begin = 0
    while begin < len(axis.starts):
        left = axis.starts[begin]
        first = axis.first_reaching(begin)
        stop = begin + 1
        while stop < len(axis.starts) and axis.starts[stop] + axis.size - axis.starts[first] <= band_width:
            stop += 1
        bands.append(Band(range(first, stop), left, axis.next_start(stop - 1)))
        begin = stop
    return bands

"""Run a function over overlapping tiles and blend what it gives, row of tiles by row of tiles."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from rasterio.windows import Window

from groundwork.batch import Patch
from groundwork.prediction.beside import Beside
from groundwork.prediction.tiles import Axis, Band, column_bands

#: A window, and where it lies in the scene.
Tile: TypeAlias = tuple[Window, Patch]
#: A window, its blended scores (outputs, height, width), and where it is valid (height, width).
Blended: TypeAlias = tuple[Window, NDArray[np.float32], NDArray[np.bool_]]


@dataclass(frozen=True, slots=True)
class Tiling:
    """How a scene is cut into tiles and read."""

    rows: Axis
    columns: Axis
    read: Callable[[Window], Patch]
    #: Gives scores (outputs, height, width) for each tile of a batch.
    predict: Callable[[Sequence[Tile]], Sequence[NDArray[np.float32]]]
    num_outputs: int
    batch_size: int
    #: Whether the next row is read, and scores are added up, while the model computes.
    has_room: bool = True

    @property
    def num_steps(self) -> int:
        """Number of windows that :func:`blend` yields of all rows."""
        return len(self.rows.starts) * len(column_bands(self.columns))

    @property
    def all_rows(self) -> range:
        """Numbers of all rows of tiles."""
        return range(len(self.rows.starts))

    def pixel_rows(self, rows: range) -> tuple[int, int]:
        """Return the first row of pixels that some rows of tiles make final, and the one after the last."""
        return self.rows.starts[rows.start], self.rows.next_start(rows.stop - 1)


def blend(tiling: Tiling, rows: range | None = None) -> Iterator[Blended]:
    """Yield the windows of :func:`windows_of`, with blended scores (outputs, height, width) and validity.

    Memory holds one row of tiles, at most as wide as a band of columns; where there is room, the next row is read
    meanwhile. A part of the rows gets the same numbers, to the last bit, as where all are asked for: the rows above
    that reach into it are asked for again.

    Args:
        tiling: How the scene is cut and read.
        rows: Numbers of the rows of tiles whose windows are wanted. None: all.
    """
    wanted = tiling.all_rows if rows is None else rows
    with Beside(tiling.has_room) as reader:
        for band in column_bands(tiling.columns):
            yield from _blend_band(tiling, band, wanted, reader)


def windows_of(tiling: Tiling, rows: range | None = None) -> Iterator[tuple[int, Window]]:
    """Yield the windows that :func:`blend` gives, each with the number of its row of tiles.

    Those of all rows cover the scene once.
    """
    for band in column_bands(tiling.columns):
        for index in tiling.all_rows if rows is None else rows:
            yield index, _window(tiling, band, index)


def _window(tiling: Tiling, band: Band, index: int) -> Window:
    """Return the pixels of a band that a row of tiles makes final."""
    top = tiling.rows.starts[index]
    return Window(band.left, top, band.right - band.left, tiling.rows.next_start(index) - top)


def _blend_band(tiling: Tiling, band: Band, wanted: range, reader: Beside) -> Iterator[Blended]:
    rows, columns = tiling.rows, tiling.columns
    left, right = columns.starts[band.tiles[0]], columns.starts[band.tiles[-1]] + columns.size
    inner = slice(band.left - left, band.right - left)
    asked = range(rows.first_reaching(wanted.start), wanted.stop)
    windows = {index: Window(left, rows.starts[index], right - left, rows.size) for index in asked}
    pending = reader.begin(partial(tiling.read, windows[asked.start]))
    sums = np.zeros((tiling.num_outputs, rows.size, right - left), np.float32)
    for index in asked:
        patch = pending()
        if index + 1 < asked.stop:
            pending = reader.begin(partial(tiling.read, windows[index + 1]))
        _add_row(tiling, band, windows[index], patch, sums, rows.weights[index])
        done = rows.next_start(index) - rows.starts[index]
        if index >= wanted.start:
            yield _window(tiling, band, index), sums[:, :done, inner].copy(), patch.known[:done, inner]
        # Else two rows of tiles would lie in memory while the next one is read.
        del patch
        sums[:, : rows.size - done] = sums[:, done:].copy()
        sums[:, rows.size - done :] = 0


def _add_row(
    tiling: Tiling, band: Band, window: Window, strip: Patch, sums: NDArray[np.float32], weight: NDArray[np.float32]
) -> None:
    columns = tiling.columns
    known = strip.known
    places, tiles = [], []
    for index in band.tiles:
        start = columns.starts[index] - int(window.col_off)
        part = slice(start, start + columns.size)
        # A tile without any data gives nothing that is kept: none of its pixels is valid.
        if known[:, part].any():
            where = Window(columns.starts[index], window.row_off, columns.size, window.height)
            places.append((index, part))
            tiles.append((where, strip.cut(slice(None), part)))
    edges = _batches(len(tiles), tiling.batch_size)
    with Beside(tiling.has_room) as adder:
        pending: Callable[[], None] = _nothing
        for begin, end in pairwise(edges):
            scores = tiling.predict(tiles[begin:end])
            weights = [weight[:, None] * columns.weights[index] for index, _ in places[begin:end]]
            parts = [part for _, part in places[begin:end]]
            pending()
            pending = adder.begin(partial(_add, sums, parts, scores, weights))
        pending()


def _nothing() -> None:
    """Stand for what is to be waited for, where there is nothing yet."""


def _batches(num_tiles: int, batch_size: int) -> list[int]:
    """Return where batches begin, and the last ends."""
    # Of nearly one size: a last one of a single tile would leave most of the processor idle. The largest comes first:
    # programs that are compiled for a size are compiled once.
    count = -(-num_tiles // batch_size)
    return [-(-num_tiles * number // max(count, 1)) for number in range(count + 1)]


def largest_batch(columns: Axis, batch_size: int) -> int:
    """Return how many tiles the largest batch has of a row of tiles that all hold data."""
    return max(_batches(len(band.tiles), batch_size)[1] for band in column_bands(columns))


def _add(
    sums: NDArray[np.float32],
    parts: Sequence[slice],
    scores: Sequence[NDArray[np.float32]],
    weights: Sequence[NDArray[np.float32]],
) -> None:
    for part, tile, weight in zip(parts, scores, weights, strict=True):
        # torch adds the product in one pass over the memory; numpy would write it down first.
        torch.from_numpy(sums)[:, :, part].addcmul_(torch.from_numpy(tile), torch.from_numpy(weight))

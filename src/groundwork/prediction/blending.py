"""Run a function over overlapping tiles and blend what it gives, row of tiles by row of tiles."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from rasterio.windows import Window

from groundwork.batch import Patch
from groundwork.prediction.tiles import Axis, Band, column_bands

Item = TypeVar("Item")

#: A window, and where it lies in the scene.
Tile: TypeAlias = tuple[Window, Patch]


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

    @property
    def num_steps(self) -> int:
        """Number of windows that :func:`blend` yields."""
        return len(self.rows.starts) * len(column_bands(self.columns))


def blend(tiling: Tiling) -> Iterator[tuple[Window, NDArray[np.float32], NDArray[np.bool_]]]:
    """Yield windows that cover the scene once, with blended scores (outputs, height, width) and validity.

    Memory holds one row of tiles, at most as wide as a band of columns; the next row is read meanwhile.
    """
    with ThreadPoolExecutor(max_workers=1) as reader:
        for band in column_bands(tiling.columns):
            yield from _blend_band(tiling, band, reader)


def run_ahead(items: Iterator[Item]) -> Iterator[Item]:
    """Yield the items; the next one is made in a thread of its own while the one before is worked on."""
    with ThreadPoolExecutor(max_workers=1) as worker:
        pending = worker.submit(next, items, None)
        while (item := pending.result()) is not None:
            pending = worker.submit(next, items, None)
            yield item


def _blend_band(
    tiling: Tiling, band: Band, reader: ThreadPoolExecutor
) -> Iterator[tuple[Window, NDArray[np.float32], NDArray[np.bool_]]]:
    rows, columns = tiling.rows, tiling.columns
    left, right = columns.starts[band.tiles[0]], columns.starts[band.tiles[-1]] + columns.size
    inner = slice(band.left - left, band.right - left)
    windows = [Window(left, start, right - left, rows.size) for start in rows.starts]
    pending = reader.submit(tiling.read, windows[0])
    sums = np.zeros((tiling.num_outputs, rows.size, right - left), np.float32)
    for index, window in enumerate(windows):
        patch = pending.result()
        if index + 1 < len(windows):
            pending = reader.submit(tiling.read, windows[index + 1])
        _add_row(tiling, band, window, patch, sums, rows.weights[index])
        done = rows.next_start(index) - rows.starts[index]
        final = Window(band.left, rows.starts[index], band.right - band.left, done)
        yield final, sums[:, :done, inner].copy(), patch.known[:done, inner]
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
    # Batches of nearly one size: a last one of a single tile would leave most of the processor idle.
    count = -(-len(tiles) // tiling.batch_size)
    # The largest comes first: programs that are compiled for a size are compiled once.
    edges = [-(-len(tiles) * number // max(count, 1)) for number in range(count + 1)]
    with ThreadPoolExecutor(max_workers=1) as adder:
        additions = []
        for begin, end in pairwise(edges):
            scores = tiling.predict(tiles[begin:end])
            weights = [weight[:, None] * columns.weights[index] for index, _ in places[begin:end]]
            parts = [part for _, part in places[begin:end]]
            additions.append(adder.submit(_add, sums, parts, scores, weights))
        for addition in additions:
            addition.result()


def _add(
    sums: NDArray[np.float32],
    parts: Sequence[slice],
    scores: Sequence[NDArray[np.float32]],
    weights: Sequence[NDArray[np.float32]],
) -> None:
    for part, tile, weight in zip(parts, scores, weights, strict=True):
        # torch adds the product in one pass over the memory; numpy would write it down first.
        torch.from_numpy(sums)[:, :, part].addcmul_(torch.from_numpy(tile), torch.from_numpy(weight))

"""Read a scene piece by piece, each pixel once, and cut it into chips."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rasterio.windows import Window

from groundwork.batch import Patch, below
from groundwork.config.data import ChipsConfig
from groundwork.data import sample_table as table
from groundwork.data.labelled import LabelledScene
from groundwork.rasters.windows import window_starts

#: Pixels that are held at a time; scenes so wide that fewer rows than a chip's would fit are read in several strips.
MOST_HELD = 2**22
_ALL = slice(None)


@dataclass(frozen=True, slots=True)
class Piece:
    """Pixels that were not read before, and the chips that are whole with them."""

    #: Inside the scene.
    window: Window
    patch: Patch
    chips: list[tuple[Window, Patch]]


def read_pieces(opened: LabelledScene, chips: ChipsConfig) -> Iterator[Piece]:
    """Yield a scene piece by piece, each pixel once, and all its chips; chips that overlap share what is read.

    Only where a scene is so wide that it is read in several strips, chips of two strips read what they share twice.
    """
    size, stride = chips.size, chips.stride or chips.size
    tops, lefts = chip_starts(opened, chips)
    at_once = max(1, MOST_HELD // (size * stride))
    done = 0
    for first in range(0, len(lefts), at_once):
        strip = lefts[first : first + at_once]
        columns = (min(strip[0], done), strip[-1] + size)
        for rows in _read_down(opened, tops, chips, columns):
            windows = [table.window_of(top, left, size) for top in rows.tops for left in strip]
            whole = [(window, _chip(opened, window, rows, columns[0])) for window in windows]
            yield _piece(opened, rows, done, whole)
        done = columns[1]


@dataclass(frozen=True, slots=True)
class _Rows:
    """New rows of a strip, and all rows of the chips that are whole with them."""

    window: Window
    fresh: Patch
    #: From row ``first`` on.
    held: Patch
    first: int
    tops: list[int]


def _read_down(opened: LabelledScene, tops: list[int], chips: ChipsConfig, columns: tuple[int, int]) -> Iterator[_Rows]:
    """Yield a strip from top to bottom, as many rows at a time as may be held."""
    width, stride = columns[1] - columns[0], chips.stride or chips.size
    at_once = max(1, (MOST_HELD // width - chips.size) // stride + 1)
    held: Patch | None = None
    done = 0
    for first in range(0, len(tops), at_once):
        group = tops[first : first + at_once]
        window = Window(columns[0], done, width, group[-1] + chips.size - done)
        fresh = opened.read_pixels(window)
        kept = max(done - group[0], 0)
        held = fresh if held is None or not kept else below(held.cut(slice(held.size[0] - kept, None), _ALL), fresh)
        yield _Rows(window, fresh, held, done - kept, group)
        done = group[-1] + chips.size


def _chip(opened: LabelledScene, window: Window, rows: _Rows, first: int) -> Patch:
    """Return a chip cut from what is held, from column ``first`` on."""
    (top, bottom), (left, right) = window.toranges()
    cut = rows.held.cut(_span(top - rows.first, bottom - top), _span(left - first, right - left))
    return opened.with_objects(window, cut)


def _piece(opened: LabelledScene, rows: _Rows, done: int, chips: list[tuple[Window, Patch]]) -> Piece:
    """Keep what of the new rows lies inside the scene, and right of the columns that are done."""
    grid = opened.grid
    (top, bottom), (left, right) = rows.window.toranges()
    first, height, width = max(done - left, 0), min(bottom, grid.height) - top, min(right, grid.width) - left
    inside = Window(left + first, top, width - first, height)
    return Piece(inside, rows.fresh.cut(slice(0, height), slice(first, width)), chips)


def _span(start: int, length: int) -> slice:
    return slice(start, start + length)


def chip_starts(opened: LabelledScene, chips: ChipsConfig) -> tuple[list[int], list[int]]:
    """Return the rows and the columns at which chips begin."""
    grid, stride = opened.grid, chips.stride or chips.size
    return window_starts(grid.height, chips.size, stride), window_starts(grid.width, chips.size, stride)

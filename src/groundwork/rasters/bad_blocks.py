"""Blocks of files that cannot be decoded, where they are taken as without data: which, and how much of each file."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TypeAlias, final

import numpy as np
import shapely
from numpy.typing import NDArray
from rasterio.warp import transform as transform_points
from rasterio.windows import Window

from groundwork.rasters.addresses import Address, name_below
from groundwork.rasters.area import EDGE_PARTS
from groundwork.rasters.grid import Grid
from groundwork.rasters.windows import describe_window

#: Tag of a raster that was made of files with such blocks.
TAG = "GROUNDWORK_BAD_BLOCKS"
#: First row and column of a block, its height and width.
Block: TypeAlias = tuple[int, int, int, int]
#: Windows of a file that a message names.
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class BadFile:
    """A file with blocks that cannot be decoded."""

    source: str
    #: Relative to the folder of its source, or the bare name of a file that lies elsewhere.
    name: str
    width: int
    height: int
    blocks: frozenset[Block]

    @property
    def pixels(self) -> int:
        """How many pixels of the file lie in them."""
        return sum(height * width for _, _, height, width in self.blocks)

    @property
    def share(self) -> float:
        """Which part of the file that is, 0 to 1."""
        return self.pixels / (self.width * self.height)

    def as_json(self) -> dict[str, object]:
        """Return it as plain values; windows as row, column, height and width."""
        windows = [list(as_block(window)) for window in merged(self.blocks)]
        said = {"source": self.source, "name": self.name, "pixels": self.pixels}
        return {**said, "share": round(self.share, 6), "windows": windows}

    def described(self) -> str:
        """Return it for people."""
        windows = merged(self.blocks)
        more = f" and {len(windows) - _SHOWN} more windows" if len(windows) > _SHOWN else ""
        where = "; ".join(describe_window(window) for window in windows[:_SHOWN])
        return f"{self.name}: {self.pixels} pixels ({self.share:.3%} of the file) in {where}{more}"


@final
class BadBlocks:
    """Collects what is met of one source while a scene is read.

    Args:
        source: What it is called.
        root: Its folder, which names are relative to.
    """

    def __init__(self, source: str = "", root: Path | None = None) -> None:
        self._source, self._root = source, root
        self._files: list[BadFile] = []

    def add(self, path: Path, size: tuple[int, int], windows: Iterable[Window]) -> None:
        """Note blocks of a file, whose height and width is ``size``."""
        root, height, width = self._root, *size
        is_below = root is not None and (isinstance(path, Address) or path.is_relative_to(root))
        name = name_below(root, path) if root is not None and is_below else path.name
        self._files.append(BadFile(self._source, name, width, height, frozenset(map(as_block, windows))))

    def files(self) -> tuple[BadFile, ...]:
        """Return what was met so far, each file once."""
        return joined(self._files)


def joined(files: Iterable[BadFile]) -> tuple[BadFile, ...]:
    """Return each file once, with all that was met of it, by source and name."""
    found: dict[tuple[str, str], BadFile] = {}
    for file in files:
        known = found.get((file.source, file.name), file)
        both = known.blocks | file.blocks
        found[file.source, file.name] = BadFile(file.source, file.name, file.width, file.height, both)
    return tuple(file for _, file in sorted(found.items()) if file.blocks)


def tags_of(files: Sequence[BadFile]) -> dict[str, str]:
    """Return what a raster says of the files that it was made of; nothing where all blocks were decoded."""
    return {TAG: json.dumps([file.as_json() for file in files])} if files else {}


def merged(blocks: Iterable[Block]) -> list[Window]:
    """Return blocks that do not overlap as fewer windows that cover the same pixels, from above to below."""
    runs: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for row, column, height, width in sorted(blocks):
        in_row = runs.setdefault((row, height), [])
        if in_row and in_row[-1][1] == column:
            in_row[-1] = in_row[-1][0], column + width
        else:
            in_row.append((column, column + width))
    open_: dict[tuple[int, int], tuple[int, int]] = {}
    found: list[Window] = []
    for (row, height), in_row in sorted(runs.items()):
        for left, right in in_row:
            top, bottom = open_.get((left, right), (row, row))
            if bottom != row:
                found.append(Window(left, top, right - left, bottom - top))
                top = row
            open_[left, right] = top, row + height
    found += [Window(left, top, right - left, bottom - top) for (left, right), (top, bottom) in open_.items()]
    return sorted(found, key=as_block)


def around(windows: Sequence[Window], size: tuple[int, int]) -> Iterator[Window]:
    """Yield windows that cover the rest of a raster of a height and width."""
    height, width = size
    ranges = [window.toranges() for window in windows]
    edges = sorted({0, height, *(row for rows, _ in ranges for row in rows)})
    for top, bottom in pairwise(edges):
        left = 0
        taken = sorted(columns for rows, columns in ranges if rows[0] <= top and rows[1] >= bottom)
        for start, stop in (*taken, (width, width)):
            if start > left:
                yield Window(left, top, start - left, bottom - top)
            left = stop


def on_grid(windows: Iterable[Window], own: Grid, grid: Grid) -> list[shapely.Geometry]:
    """Return windows of a raster in columns and rows of another grid."""
    shapes = []
    for window in windows:
        (top, bottom), (left, right) = window.toranges()
        # A straight line in one CRS is a curve in another.
        edge = shapely.segmentize(shapely.box(left, top, right, bottom), max(window.width, window.height) / EDGE_PARTS)
        shapes.append(shapely.transform(edge, lambda points: _moved(points, own, grid)))
    return shapes


def _moved(points: NDArray[np.float64], own: Grid, grid: Grid) -> NDArray[np.float64]:
    xs, ys = own.transform @ tuple(points.T)
    if own.crs != (crs := grid.reached_from(own)):
        xs, ys = (np.array(values) for values in transform_points(own.crs, crs, xs, ys)[:2])
    return np.stack(~grid.transform @ (xs, ys), axis=1)


def as_block(window: Window) -> Block:
    """Return a window as plain numbers."""
    return int(window.row_off), int(window.col_off), int(window.height), int(window.width)

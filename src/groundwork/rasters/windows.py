"""Cut a raster into windows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import ceil, floor
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from rasterio.io import DatasetReader
from rasterio.warp import transform_bounds
from rasterio.windows import Window, intersection

from groundwork.rasters.grid import Grid
from groundwork.rasters.opening import grid_of

Pixel = TypeVar("Pixel", bound=np.generic)

#: Pixels from which a cubic kernel draws beside the one it lies in.
REACH = 2


def window_starts(length: int, size: int, stride: int) -> list[int]:
    """Return where windows of ``size`` start so that they cover ``length`` pixels.

    The last window is moved back to end at the edge; a length below ``size`` gives one window that reaches over it.
    """
    if length <= size:
        return [0]
    starts = list(range(0, length - size, stride))
    return [*starts, length - size]


def thinned(height: int, width: int, most: int) -> tuple[int, int]:
    """Return height and width of a picture with the same sides of at most ``most`` pixels."""
    factor = max(1.0, max(width, height) / most)
    return max(1, round(height / factor)), max(1, round(width / factor))


def blocks(width: int, height: int, size: int) -> Iterator[Window]:
    """Yield windows of at most ``size`` x ``size`` pixels that cover a raster once, without overlap."""
    for row in range(0, height, size):
        for column in range(0, width, size):
            yield Window(column, row, min(size, width - column), min(size, height - row))


def window_in(window: Window, grid: Grid, other: DatasetReader) -> Window:
    """Return which pixels of another raster a window of a grid is resampled from, with what may reach into it."""
    bounds = grid.part(window).bounds
    crs = grid_of(other).reached_from(grid)
    if crs != grid.crs:
        bounds = transform_bounds(grid.crs, crs, *bounds)
    west, south, east, north = bounds
    corners = [~other.transform @ corner for corner in ((west, north), (east, south), (west, south), (east, north))]
    columns, rows = zip(*corners, strict=True)
    first_column, last_column = _reached(columns, int(window.width), other.width)
    first_row, last_row = _reached(rows, int(window.height), other.height)
    return Window(first_column, first_row, max(last_column - first_column, 0), max(last_row - first_row, 0))


def _reached(places: Sequence[float], length: int, most: int) -> tuple[int, int]:
    """Return from where to where pixels of another raster may reach into a window of so many pixels, along one side."""
    first, last = min(places), max(places)
    # Where many pixels become one, kernels are as much wider.
    reach = ceil(REACH * max(1.0, (last - first) / length))
    return max(floor(first) - reach, 0), min(ceil(last) + reach, most)


def describe_window(window: Window) -> str:
    """Say in words which rows and columns a window covers."""
    return f"rows {int(window.row_off)}+{int(window.height)}, columns {int(window.col_off)}+{int(window.width)}"


def clip(window: Window, width: int, height: int) -> tuple[Window, tuple[slice, slice] | None]:
    """Return the part of a window that lies in a raster of ``width`` x ``height`` pixels.

    Returns:
        The part, and its rows and columns in the window; None in their place where all of the window lies inside.

    Raises:
        WindowError: Where no part of it does.
    """
    top, left = int(window.row_off), int(window.col_off)
    bottom, right = top + int(window.height), left + int(window.width)
    # Nearly all windows; comparing numbers takes a fraction of the time of intersecting windows.
    if top >= 0 and left >= 0 and bottom <= height and right <= width:
        return window, None
    part = intersection(window, Window(0, 0, width, height))
    first_row, first_column = int(part.row_off) - top, int(part.col_off) - left
    rows = slice(first_row, first_row + int(part.height))
    return part, (rows, slice(first_column, first_column + int(part.width)))


def grown(pixels: NDArray[Pixel], place: tuple[slice, slice], window: Window) -> NDArray[Pixel]:
    """Return a whole window of which only a part was read, (..., height, width), with 0 or false elsewhere.

    Args:
        pixels: The part.
        place: Its rows and columns in the window, as :func:`clip` gave them.
        window: The whole.
    """
    whole = np.zeros((*pixels.shape[:-2], int(window.height), int(window.width)), pixels.dtype)
    whole[..., *place] = pixels
    return whole

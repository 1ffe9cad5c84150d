"""Where a mosaic lies, known before the scenes are predicted that it is made of."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from math import ceil, floor, hypot
from pathlib import Path

import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray
from rasterio.crs import CRS

from groundwork.config.inference import MosaicConfig
from groundwork.errors import PairingError, RasterError
from groundwork.rasters.canvas import bounds_in
from groundwork.rasters.folder import preview
from groundwork.rasters.grid import Grid, crs_of_text, describe_crs

logger = logging.getLogger(__name__)

#: A mosaic of which scenes cover a smaller share is mostly nodata.
LEAST_COVERED = 0.01
#: How many times longer or shorter the sides of pixels may become.
MOST_CHANGE = 1000


@dataclass(frozen=True, slots=True)
class Piece:
    """A prediction that is a part of a mosaic."""

    key: str
    path: Path
    day: date | None
    grid: Grid
    #: What the prediction says of its origin.
    tags: Mapping[str, str]


def require_possible(config: MosaicConfig, scenes: Mapping[str, tuple[Path, Grid, date | None]]) -> None:
    """Refuse a mosaic before the scenes are predicted that it would be made of, and say where it is mostly empty.

    Args:
        config: How it is made.
        scenes: Key of each scene -> a file of it, where its prediction will lie, and its date.

    Raises:
        PairingError: Where the newest counts and a scene has no date.
        RasterError: Where a scene has no CRS, or no place in that of the mosaic.
        SpecError: For a CRS that nobody knows.
    """
    crs_of(config)
    without = [key for key, (_, _, day) in scenes.items() if day is None]
    if config.overlaps == "newest" and without:
        raise PairingError(
            f"'inference.mosaic.overlaps: newest' needs the dates of scenes, and {len(without)} have none: "
            f"{preview(without)}. Say where they stand, or set it to first or mean."
        )
    pieces = [Piece(key, path, day, require_crs(grid, path), {}) for key, (path, grid, day) in scenes.items()]
    grid = mosaic_grid(pieces, config)
    places = [place_in(grid, piece) for piece in pieces]
    if config.tile_size is None:
        _warn_of_emptiness(grid, places)


def crs_of(config: MosaicConfig) -> CRS | None:
    """Return the CRS that is declared. None: there is none.

    Raises:
        SpecError: For one that nobody knows.
    """
    return None if config.crs is None else crs_of_text(config.crs, "inference.mosaic.crs")


def mosaic_grid(pieces: Sequence[Piece], config: MosaicConfig) -> Grid:
    """Return the grid of the mosaic: it holds all pieces, and its pixels are those of the first, or begin at 0, 0.

    Raises:
        RasterError: Where a piece has no place in its CRS, or its pixels are of another size altogether.
        SpecError: For a CRS that nobody knows.
    """
    first = pieces[0].grid
    crs = crs_of(config) or first.crs
    size_x, size_y = hypot(first.transform.a, first.transform.d), hypot(first.transform.b, first.transform.e)
    x, y = first.transform.c, first.transform.f
    if config.pixel_size is not None:
        size_x = size_y = config.pixel_size
    if config.crs is not None:
        x = y = 0.0
    edges = np.array([_bounds_in(crs, piece) for piece in pieces])
    _require_alike((size_x, size_y), crs, edges[0], pieces[0])
    (west, south), (east, north) = edges[:, :2].min(axis=0), edges[:, 2:].max(axis=0)
    # Edges that are whole numbers of pixels but for rounding are such.
    left, right = floor((west - x) / size_x + 1e-6), ceil((east - x) / size_x - 1e-6)
    low, high = floor((south - y) / size_y + 1e-6), ceil((north - y) / size_y - 1e-6)
    transform = Affine(size_x, 0, x + left * size_x, 0, -size_y, y + high * size_y)
    return Grid(crs, transform, right - left, high - low)


def require_crs(grid: Grid, path: Path) -> Grid:
    """Return a grid that has a CRS.

    Raises:
        RasterError: Where it has none.
    """
    if grid.crs is None:
        raise RasterError(path, "no CRS", "one, as a mosaic lies on the ground", "Leave 'inference.mosaic' out.")
    return grid


def _warn_of_emptiness(grid: Grid, places: Sequence[shapely.Polygon]) -> None:
    if sum(place.area for place in places) < LEAST_COVERED * grid.width * grid.height:
        logger.warning(
            "Scenes lie in less than %g%% of the mosaic, which has %d x %d pixels: it takes long, and much of the "
            "disk. 'inference.mosaic.tile_size' writes no tile in which no scene lies",
            100 * LEAST_COVERED,
            grid.width,
            grid.height,
        )


def _require_alike(size: tuple[float, float], crs: CRS | None, edges: NDArray[np.float64], piece: Piece) -> None:
    """Refuse pixels whose size must have been meant in units of another CRS."""
    grid, (west, south, east, north) = piece.grid, edges
    change = (size[0] * grid.width / (east - west), size[1] * grid.height / (north - south))
    if not all(1 / MOST_CHANGE < each < MOST_CHANGE for each in change):
        raise RasterError(
            piece.path,
            f"pixels that become {change[0]:.3g} times as long in a mosaic of 'pixel_size: {size[0]:g}'",
            f"at most {MOST_CHANGE} times longer or shorter ones",
            f"State 'inference.mosaic.pixel_size' in units of {describe_crs(crs)}.",
        )


def _bounds_in(crs: CRS | None, piece: Piece) -> tuple[float, float, float, float]:
    if crs is None:
        return piece.grid.bounds
    return bounds_in(piece.grid, crs, piece.path, "inference.mosaic.crs")


def place_in(grid: Grid, piece: Piece) -> shapely.Polygon:
    """Return the box of a piece in columns and rows of the mosaic, and a pixel more.

    Raises:
        RasterError: As of :func:`mosaic_grid`.
    """
    west, south, east, north = _bounds_in(grid.crs, piece)
    left, top = ~grid.transform @ (west, north)
    right, bottom = ~grid.transform @ (east, south)
    return shapely.box(left - 1, top - 1, right + 1, bottom + 1)

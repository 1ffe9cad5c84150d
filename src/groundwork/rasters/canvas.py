"""A grid that is declared, onto which rasters of other grids are read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor
from pathlib import Path
from typing import Protocol

import numpy as np
import pyproj
from affine import Affine
from rasterio.crs import CRS
from rasterio.errors import CRSError
from rasterio.warp import transform as transform_points
from rasterio.warp import transform_bounds

from groundwork.errors import RasterError
from groundwork.rasters.axes import open_along
from groundwork.rasters.grid import NO_TRANSFORMATION, Grid, describe_crs, name_crs
from groundwork.rasters.longitudes import turns
from groundwork.rasters.opening import grid_of
from groundwork.specs import Axes

#: Degrees beyond the ground for which a CRS is used: neighbouring zones are used on purpose.
FAR = 15.0
#: Places along each middle of a raster from whose distances its length in another CRS is told.
PLACES = 64
#: So many times larger are the bounds only of what lies in pieces.
MOST_TIMES = 10


class Placed(Protocol):
    """What lies somewhere: a canvas, or an opened scene."""

    @property
    def grid(self) -> Grid:
        """Where its pixels lie."""

    @property
    def path(self) -> Path:
        """What it is called in messages."""


@dataclass(frozen=True, slots=True)
class Canvas:
    """Where a raster is brought to."""

    grid: Grid
    #: The raster.
    path: Path


@dataclass(frozen=True, slots=True)
class DeclaredPixels:
    """Square pixels whose edges are whole multiples of their side."""

    #: None: that of the raster.
    crs: CRS | None
    #: Side of a pixel in metres.
    size_m: float

    def over(self, path: Path, axes: Axes | None = None) -> Canvas:
        """Return the pixels that cover a raster.

        Args:
            path: Of it.
            axes: Of its array, where they are declared.

        Raises:
            RasterError: Where it has no CRS, or no place in that of the pixels, or this one counts in degrees.
        """
        with open_along(path, axes) as raster:
            own = grid_of(raster)
        crs = self.crs or own.crs
        if own.crs is None or crs is None:
            raise RasterError(path, "no CRS", "one, as 'inference.grid' lies on the ground", "Leave the grid out.")
        if not crs.is_projected:
            expected = "one that counts in lengths, as 'pixel_size_m' does"
            raise RasterError(
                path, f"the CRS {name_crs(crs)}", expected, "Name a projected CRS in 'inference.grid.crs'."
            )
        bounds = bounds_in(own, crs, path, "inference.grid.crs")
        size = self.size_m / crs.linear_units_factor[1]
        # Edges that are whole numbers of pixels but for rounding are such.
        west, south = (floor(edge / size + 1e-6) for edge in bounds[:2])
        east, north = (ceil(edge / size - 1e-6) for edge in bounds[2:])
        return Canvas(Grid(crs, Affine(size, 0, west * size, 0, -size, north * size), east - west, north - south), path)


def bounds_in(grid: Grid, crs: CRS, path: Path, key: str) -> tuple[float, float, float, float]:
    """Return west, south, east and north of a raster in another CRS.

    Args:
        grid: Of the raster, with a CRS.
        crs: Where its pixels are wanted.
        path: Of the raster, for the message.
        key: Of the configuration, which says or could say the CRS.

    Raises:
        RasterError: Where it has no place there, or lies far from where the CRS is used, or on both ends of it.
    """
    if crs == grid.crs:
        return grid.bounds
    _require_near(grid, crs, path, key)
    try:
        edges = np.array([transform_bounds(grid.crs, crs, *part, densify_pts=101) for part in _bounds_within_180(grid)])
        if not np.isfinite(edges).all():
            raise CRSError("it lies at infinity there")
        (west, south), (east, north) = edges[:, :2].min(axis=0), edges[:, 2:].max(axis=0)
        _require_whole(grid, crs, (west, south, east, north), path, key)
    except NO_TRANSFORMATION as error:
        found = f"the CRS {describe_crs(grid.crs)}, which has no place in {describe_crs(crs)} ({error})"
        raise RasterError(path, found, f"a place in '{key}'", "Choose another one.") from error
    return float(west), float(south), float(east), float(north)


def _bounds_within_180(grid: Grid) -> list[tuple[float, float, float, float]]:
    """Return the bounds of a grid; in degrees, parted where the Earth is, with longitudes from -180 to 180."""
    west, south, east, north = grid.bounds
    if grid.reached_crs == grid.crs:
        return [(west, south, east, north)]
    parts = turns(west, east)
    return [(max(west - 360 * turn, -180), south, min(east - 360 * turn, 180), north) for turn in parts]


def _require_whole(grid: Grid, crs: CRS, bounds: Sequence[float], path: Path, key: str) -> None:
    """Refuse a CRS in which a raster lies on both ends of the Earth, so that its pixels would fill all between."""
    west, south, east, north = bounds
    inside, middle = (np.arange(PLACES) + 0.5) / PLACES, np.full(PLACES, 0.5)
    lengths = []
    for columns, rows in ((inside, middle), (middle, inside)):
        xs, ys = grid.transform @ (columns * grid.width, rows * grid.height)
        steps = np.diff(np.array(transform_points(grid.crs, crs, xs, ys)[:2]))
        lengths.append(PLACES * float(np.median(np.hypot(*steps))))
    # Of degrees across the 180th meridian, the east is less than the west.
    if east < west or max(east - west, north - south) > MOST_TIMES * max(lengths):
        raise RasterError(
            path,
            f"a raster across an edge of {name_crs(crs)}, such as the 180th meridian or a pole",
            "a CRS in which it lies in one piece",
            f"Choose another one in '{key}', such as the UTM zone of the raster's centre.",
        )


def _require_near(grid: Grid, crs: CRS, path: Path, key: str) -> None:
    """Refuse a CRS that is made for another part of the Earth, in which lengths would be far from those on the ground.

    Args:
        grid: Of the raster that is to be brought to it.
        crs: Where its pixels are wanted.
        path: Of the raster, for the message.
        key: Of the configuration, which says or could say the CRS.

    Raises:
        RasterError: With where it is used.
    """
    authority, place = crs.to_authority(), grid.center_coordinates()
    # A CRS of one's own says nothing of where it is used.
    area = pyproj.CRS.from_authority(*authority).area_of_use if authority else None
    if area is None or place is None:
        return
    latitude, longitude = place
    # One across the 180th meridian ends further west than it begins.
    width = (area.east - area.west) % 360 or 360
    beyond = (longitude - area.west) % 360 - width
    aside = 0.0 if beyond <= 0 else min(beyond, 360 - width - beyond)
    above = max(area.south - latitude, latitude - area.north)
    if max(aside, above) > FAR:
        raise RasterError(
            path,
            f"a raster at latitude {latitude:.4g}, longitude {longitude:.4g}",
            f"one near where {name_crs(crs)} is used, from latitude {area.south:g} to {area.north:g} and longitude "
            f"{area.west:g} to {area.east:g}",
            f"Choose another CRS in '{key}'.",
        )

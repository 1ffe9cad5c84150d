"""A grid that is declared, onto which rasters of other grids are read."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor
from pathlib import Path
from typing import Protocol

from affine import Affine
from rasterio.crs import CRS
from rasterio.warp import transform_bounds

from groundwork.errors import RasterError
from groundwork.rasters.grid import NO_TRANSFORMATION, Grid, name_crs
from groundwork.rasters.opening import grid_of, open_dataset


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

    def over(self, path: Path) -> Canvas:
        """Return the pixels that cover a raster.

        Raises:
            RasterError: Where it has no CRS, or no place in that of the pixels, or this one counts in degrees.
        """
        with open_dataset(path) as raster:
            own = grid_of(raster)
        crs = self.crs or own.crs
        if own.crs is None or crs is None:
            raise RasterError(path, "no CRS", "one, as 'inference.grid' lies on the ground", "Leave the grid out.")
        if not crs.is_projected:
            expected = "one that counts in lengths, as 'pixel_size_m' does"
            raise RasterError(
                path, f"the CRS {name_crs(crs)}", expected, "Name a projected CRS in 'inference.grid.crs'."
            )
        try:
            bounds = own.bounds if own.crs == crs else transform_bounds(own.crs, crs, *own.bounds, densify_pts=101)
        except NO_TRANSFORMATION as error:
            found = f"the CRS {name_crs(own.crs)}, which has no place in {name_crs(crs)} ({error})"
            raise RasterError(path, found, "a place in 'inference.grid.crs'", "Choose another one.") from error
        size = self.size_m / crs.linear_units_factor[1]
        # Edges that are whole numbers of pixels but for rounding are such.
        west, south = (floor(edge / size + 1e-6) for edge in bounds[:2])
        east, north = (ceil(edge / size - 1e-6) for edge in bounds[2:])
        return Canvas(Grid(crs, Affine(size, 0, west * size, 0, -size, north * size), east - west, north - south), path)

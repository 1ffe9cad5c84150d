"""Ground that is asked for: a polygon in whatever CRS, and the pixels of a raster whose centres lie in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.errors import CRSError
from rasterio.features import rasterize
from rasterio.warp import transform as transform_points
from rasterio.windows import Window

from groundwork.errors import SpecError
from groundwork.rasters.grid import NO_TRANSFORMATION, Grid, crs_of_text, describe_crs, name_crs
from groundwork.rasters.longitudes import within_180
from groundwork.rasters.windows import blocks

#: A straight line in one CRS is a curve in another: edges are cut into so many parts before they are transformed.
EDGE_PARTS = 1000
#: Side of the windows in which it is looked for pixels of an area.
_SEARCHED = 2048


def covered(shapes: Sequence[shapely.Geometry], window: Window, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return which pixels of a window, read in a height and width of choice, have their centres in shapes.

    Args:
        shapes: In columns and rows of the raster.
        window: Of the raster.
        shape: Height and width.
    """
    height, width = shape
    place = Affine.translation(window.col_off, window.row_off) @ Affine.scale(
        window.width / width, window.height / height
    )
    burnt: NDArray[np.uint8] = rasterize(shapes, (height, width), transform=place, dtype="uint8")
    return burnt.astype(np.bool_)


@dataclass(frozen=True, slots=True)
class AreaPart:
    """Those pixels of a raster that lie in an area, by the smallest window that holds them all."""

    window: Window
    #: In columns and rows of the window.
    shape: shapely.Geometry

    def mask(self, window: Window) -> NDArray[np.bool_]:
        """Return which pixels of a window of this part have their centres in the area, (height, width)."""
        height, width = int(window.height), int(window.width)
        left, top = int(window.col_off), int(window.row_off)
        seen = shapely.clip_by_rect(self.shape, left - 1, top - 1, left + width + 1, top + height + 1)
        # Cutting may leave lines along an edge, which hold no pixel, and collections of polygons.
        parts = shapely.get_parts(shapely.get_parts(seen))
        shapes = [part for part in parts if part.geom_type == "Polygon" and not part.is_empty]
        if not shapes:
            return np.zeros((height, width), np.bool_)
        found = covered(shapes, window, (height, width))
        found[max(int(self.window.height) - top, 0) :] = False
        found[:, max(int(self.window.width) - left, 0) :] = False
        return found


@dataclass(frozen=True, slots=True)
class Area:
    """Polygons on the ground."""

    shape: shapely.Geometry
    crs: CRS
    #: What the area is called in messages.
    name: str

    def described(self) -> str:
        """Return its bounds for people."""
        edges = ", ".join(f"{edge:.8g}" for edge in self.shape.bounds)
        return f"({edges}) in {name_crs(self.crs)}"

    def on(self, grid: Grid) -> AreaPart | None:
        """Return which pixels of a raster lie in the area. None: not one.

        Raises:
            SpecError: Where the raster has no CRS, or the area no place in it.
        """
        if grid.crs is None:
            raise SpecError(f"{self.name} lies on the ground, and a raster without CRS does not: leave the area out")
        shape = self._brought_to(grid)
        back = ~grid.transform
        matrix, shift = np.array([[back.a, back.b], [back.d, back.e]]), np.array([back.c, back.f])
        shape = shapely.transform(shape, lambda points: points @ matrix.T + shift)
        left, top, right, bottom = shapely.intersection(shape, shapely.box(0, 0, grid.width, grid.height)).bounds
        if not np.isfinite([left, top, right, bottom]).all():
            return None
        # A pixel lies in the area where its centre does.
        columns, rows = ((ceil(low - 0.5), ceil(high - 0.5)) for low, high in ((left, right), (top, bottom)))
        window = Window(columns[0], rows[0], columns[1] - columns[0], rows[1] - rows[0])
        if window.width <= 0 or window.height <= 0:
            return None
        part = AreaPart(window, shapely.transform(shape, lambda points: points - [columns[0], rows[0]]))
        searched = blocks(int(window.width), int(window.height), _SEARCHED)
        return part if any(part.mask(block).any() for block in searched) else None

    def _brought_to(self, grid: Grid) -> shapely.Geometry:
        """Return the area in the CRS of a raster, as far as it is near the raster."""
        crs, in_degrees = grid.reached_crs, self.crs.is_geographic
        shape = within_180(self.shape) if in_degrees else self.shape
        if self.crs == crs:
            return shape
        try:
            # Of an area far larger than the raster, the rest may have no place in its CRS.
            ground = _ground_of(grid, self.crs)
            near = shapely.intersection(shape, within_180(ground) if in_degrees else ground)
            if near.is_empty:
                return near
            west, south, east, north = near.bounds
            edges = shapely.segmentize(near, max(east - west, north - south) / EDGE_PARTS)
            return shapely.make_valid(_transformed(edges, self.crs, crs))
        except NO_TRANSFORMATION as error:
            raise SpecError(f"{self.name} has no place in the CRS {describe_crs(grid.crs)}: {error}") from error


def area_of_bounds(bounds: Sequence[float], crs: str) -> Area:
    """Return the area between west, south, east and north.

    Raises:
        SpecError: For a CRS that nobody knows.
    """
    return Area(shapely.box(*bounds), crs_of_text(crs, "inference.area.crs"), "'inference.area'")


def runs(wanted: NDArray[np.bool_], reach: int) -> Iterator[tuple[int, int]]:
    """Yield first and last column (excluded) of each run of columns no farther than ``reach`` from a wanted one."""
    places = np.flatnonzero(wanted)
    if not len(places):
        return
    gaps = np.flatnonzero(np.diff(places) > 2 * reach + 1)
    starts, stops = places[[0, *(gaps + 1)]], places[[*gaps, -1]]
    for start, stop in zip(starts, stops, strict=True):
        yield max(int(start) - reach, 0), min(int(stop) + reach + 1, len(wanted))


def _ground_of(grid: Grid, crs: CRS) -> shapely.Geometry:
    """Return a box in another CRS that holds all of a raster and a little more; the whole plane where there is none."""
    edge = shapely.segmentize(shapely.box(0, 0, grid.width, grid.height), max(grid.width, grid.height) / 64)
    matrix = np.array([[grid.transform.a, grid.transform.b], [grid.transform.d, grid.transform.e]])
    placed = shapely.transform(edge, lambda points: points @ matrix.T + np.array([grid.transform.c, grid.transform.f]))
    moved = _transformed(placed, grid.crs, crs)
    points = shapely.get_coordinates(moved)
    low, high = points.min(axis=0), points.max(axis=0)
    # A raster across the line where longitudes begin anew has edges on both sides of the world.
    if crs.is_geographic and high[0] - low[0] > 180:
        low[0], high[0] = -360, 360
    margin = 0.01 * (high - low)
    return shapely.box(*(low - margin), *(high + margin))


def _transformed(shape: shapely.Geometry, source: CRS | None, target: CRS | None) -> shapely.Geometry:
    def move(points: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.stack(transform_points(source, target, *points.T)[:2], axis=1)

    moved = shapely.transform(shape, move)
    if not np.isfinite(shapely.get_coordinates(moved)).all():
        raise CRSError("some of its corners lie outside of the projection")
    return moved

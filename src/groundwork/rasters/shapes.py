"""Polygons on the grid of a raster, of which any window is drawn."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray
from rasterio.features import rasterize
from rasterio.windows import Window

from groundwork.rasters.collector import without_collector

if TYPE_CHECKING:
    # It takes memory that maps do not need.
    import geopandas


class Shapes:
    """Geometries in columns and rows of a grid, of which any window is drawn as all of it would be."""

    def __init__(self, frame: geopandas.GeoDataFrame, transform: Affine) -> None:
        """Take geometries in the CRS of the grid, and its geotransform."""
        inverse, shapes = ~transform, frame.geometry.to_numpy()

        def moved(places: NDArray[np.float64]) -> NDArray[np.float64]:
            x, y = places.T
            return np.stack([inverse.a * x + inverse.b * y + inverse.c, inverse.d * x + inverse.e * y + inverse.f], -1)

        self._shapes = shapes if inverse.is_identity else shapely.transform(shapes, moved)
        self._tree = shapely.STRtree(self._shapes)

    def __len__(self) -> int:
        return len(self._shapes)

    @property
    def geometries(self) -> NDArray[np.object_]:
        """In columns and rows of the grid."""
        shapes: NDArray[np.object_] = self._shapes
        return shapes

    def near(self, window: Window) -> NDArray[np.int64]:
        """Return which of them meet a window, in their order."""
        (top, bottom), (left, right) = window.toranges()
        found: NDArray[np.int64] = np.sort(self._tree.query(shapely.box(left, top, right, bottom)))
        return found

    def draw(
        self,
        order: NDArray[np.int64],
        values: NDArray[np.generic],
        window: Window,
        fill: float,
        *,
        all_touched: bool = False,
    ) -> NDArray[np.generic]:
        """Draw some of them in an order, each with its value: (height, width), ``fill`` where none lies."""
        size = (int(window.height), int(window.width))
        if not len(order):
            return np.full(size, fill, values.dtype)
        # Windows are whole pixels away from the beginning, so that numbers do not change by it.
        place = Affine.translation(int(window.col_off), int(window.row_off))
        with without_collector():
            pairs = zip(polygon_lists(self._shapes[order]), values[order], strict=True)
            drawn: NDArray[np.generic] = rasterize(
                pairs, size, fill, transform=place, all_touched=all_touched, dtype=values.dtype.name
            )
        return drawn


def polygon_lists(shapes: NDArray[np.object_]) -> list[dict[str, Any]]:
    """Return polygons of one part or several as GeoJSON's mappings, all of them in a few calls.

    Shapely's own ``__geo_interface__`` goes point by point, and rasterio asks it more than once: that took most of the
    time of drawing.

    Args:
        shapes: Polygons alone.
    """
    parts, shape_of = shapely.get_parts(shapes, return_index=True)
    rings, part_of = shapely.get_rings(parts, return_index=True)
    places, ring_of = shapely.get_coordinates(rings, return_index=True)
    lines = _grouped(places.tolist(), ring_of, len(rings))
    polygons = _grouped(lines, part_of, len(parts))
    return [{"type": "MultiPolygon", "coordinates": each} for each in _grouped(polygons, shape_of, len(shapes))]


def _grouped(items: list[Any], group_of: NDArray[np.int64], count: int) -> list[list[Any]]:
    """Return items by group, where those of a group follow one another, group after group."""
    ends = np.searchsorted(group_of, np.arange(count + 1)).tolist()
    return [items[begin:end] for begin, end in pairwise(ends)]

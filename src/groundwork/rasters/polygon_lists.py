"""Polygons as lists of numbers, as GDAL is given them to draw."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray


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

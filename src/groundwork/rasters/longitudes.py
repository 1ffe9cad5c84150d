"""Shapes in degrees, whose longitudes may be counted beyond 180."""

from __future__ import annotations

import math

import shapely


def turns(west: float, east: float) -> range:
    """Return by how many times 360 degrees those parts of an interval of longitudes lie beyond -180 to 180."""
    return range(math.floor((west + 180) / 360), math.ceil((east + 180) / 360))


def within_180(shape: shapely.Geometry) -> shapely.Geometry:
    """Return a shape in degrees with longitudes from -180 to 180, as GeoJSON wants them, in parts where it is cut."""
    west, _, east, _ = shape.bounds
    if not math.isfinite(west + east) or (west >= -180 and east <= 180):
        return shape
    parts = []
    for turn in turns(west, east):
        cut = shapely.clip_by_rect(shape, 360 * turn - 180, -90, 360 * turn + 180, 90)
        parts.append(shapely.transform(cut, lambda points, turn=turn: points - [360 * turn, 0]))
    return shapely.union_all(parts)

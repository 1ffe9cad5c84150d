"""Where a prediction lies, as GeoJSON says it: in longitude and latitude, cut at the 180th meridian."""

from __future__ import annotations

import math

import shapely
from rasterio.crs import CRS
from rasterio.errors import CRSError
from rasterio.warp import transform_geom

from groundwork.rasters.grid import NO_TRANSFORMATION, Grid
from groundwork.rasters.longitudes import within_180

_WGS84 = CRS.from_epsg(4326)


def geometry_of(grid: Grid) -> shapely.Geometry | None:
    """Return the outline of a grid in degrees, in two parts across the 180th meridian; None where it has none."""
    if grid.crs is None:
        return None
    outline = shapely.segmentize(shapely.box(0, 0, grid.width, grid.height), max(grid.width, grid.height) / 4)
    placed = shapely.transform(outline, lambda points: [grid.transform @ (x, y) for x, y in points])
    try:
        moved = transform_geom(grid.crs, _WGS84, shapely.geometry.mapping(placed))
    except (*NO_TRANSFORMATION, CRSError):
        return None
    # A ten-millionth of a degree is a centimetre.
    shape = within_180(shapely.transform(shapely.geometry.shape(moved), lambda points: points.round(7)))
    return shape if all(math.isfinite(edge) for edge in shape.bounds) else None


def bounds_of(shape: shapely.Geometry) -> list[float]:
    """Return west, south, east and north; across 180 degrees, west is larger than east."""
    west, south, east, north = shape.bounds
    parts = shapely.get_parts(shape)
    if len(parts) > 1 and (west, east) == (-180, 180):
        west = min(part.bounds[0] for part in parts if part.centroid.x > 0)
        east = max(part.bounds[2] for part in parts if part.centroid.x < 0)
    return [west, south, east, north]

"""How large polygons are on the ground."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import Geod

from groundwork.rasters.features import FeatureLayer

if TYPE_CHECKING:
    # It takes memory that maps do not need.
    from geopandas import GeoSeries

#: Share by which areas in a projection may differ from those on the ellipsoid.
MOST_OFF = 0.01


def with_areas(layer: FeatureLayer) -> FeatureLayer:
    """Return a layer whose polygons say their areas besides."""
    return replace(layer, columns={**layer.columns, **_areas(layer)})


def _areas(layer: FeatureLayer) -> Mapping[str, NDArray[np.generic]]:
    """Return the area of each polygon in square metres: on the ellipsoid, where the CRS does not keep areas."""
    from geopandas import GeoSeries  # noqa: PLC0415 - it takes memory that maps do not need

    crs, frame = layer.grid.crs, layer.frame()
    if crs is None:
        return {"area_pixels": np.asarray(shapely.area(np.array(list(layer.shapes), dtype=object)), np.float64)}
    geod: Geod = frame.crs.get_geod() or Geod(ellps="WGS84")
    if crs.is_projected:
        planar = frame.area.to_numpy(np.float64) * crs.linear_units_factor[1] ** 2
        whole = GeoSeries(
            [shapely.segmentize(shapely.box(*layer.grid.bounds), layer.grid.pixel_size * 100)], crs=frame.crs
        )
        share = float(_on_ellipsoid(whole, geod)[0]) / (float(whole.area.iloc[0]) * crs.linear_units_factor[1] ** 2)
        # UTM's areas are off by a thousandth; Web Mercator's by more than half at 50 degrees.
        if abs(share - 1) < MOST_OFF:
            return {"area_m2": planar}
    return {"area_m2": _on_ellipsoid(frame.geometry, geod)}


def _on_ellipsoid(shapes: GeoSeries, geod: Geod) -> NDArray[np.float64]:
    degrees = shapes.to_crs(shapes.crs.geodetic_crs) if shapes.crs.is_projected else shapes
    return np.array([abs(geod.geometry_area_perimeter(shape)[0]) for shape in degrees], np.float64)

"""Outlines of classes: found block by block while a map is predicted, and joined where blocks meet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import Geod
from rasterio.features import shapes as outlines_of
from rasterio.windows import Window

from groundwork.config.inference import PolygonsConfig
from groundwork.prediction.products import POLYGONS
from groundwork.rasters.features import FeatureLayer, FeatureStream
from groundwork.rasters.stream import RasterProfile
from groundwork.targets.kind import Products


class ClassPolygons:
    """The outlines of a class raster. A polygon is all pixels of one class that share sides.

    Memory holds the outlines and no raster.

    Args:
        product: The raster.
        profile: What it holds.
        config: How much outlines are simplified.
    """

    def __init__(self, product: str, profile: RasterProfile, config: PolygonsConfig) -> None:
        self._product, self._profile, self._config = product, profile, config
        #: Class value -> polygons in columns and rows: whole ones, and those that reach a border of their block.
        self._whole: dict[int, list[shapely.Polygon]] = {}
        self._open: dict[int, list[shapely.Polygon]] = {}

    def keeping(self, blocks: Iterator[tuple[Window, Products]]) -> Iterator[tuple[Window, Products]]:
        """Yield the same blocks, whose outlines are kept."""
        for window, products in blocks:
            self._add(window, products[self._product][0])
            yield window, products

    def stream(self) -> FeatureStream:
        """Return the outlines, to be asked for when all blocks were taken."""
        return FeatureStream((POLYGONS,), lambda: {POLYGONS: self.layer()})

    def layer(self) -> FeatureLayer:
        """Return all outlines, from the top to the bottom."""
        values: list[int] = []
        found: list[shapely.Polygon] = []
        for value in sorted({*self._whole, *self._open}):
            polygons = [*self._whole.get(value, ()), *_joined(self._open.get(value, []))]
            found += polygons
            values += [value] * len(polygons)
        shapes, numbers = np.array(found, dtype=object), np.array(values, np.int64)
        edges = shapely.bounds(shapes).reshape(-1, 4)
        order = np.lexsort((numbers, edges[:, 0], edges[:, 1]))
        return self._described(self._simplified(shapes[order]), numbers[order])

    def _add(self, window: Window, classes: NDArray[np.generic]) -> None:
        left, top = int(window.col_off), int(window.row_off)
        right, bottom = left + classes.shape[1], top + classes.shape[0]
        known = np.asarray(classes != self._profile.nodata)
        # GDAL outlines bytes and 32-bit integers alike; a label may be any of the latter.
        numbers = classes.astype(np.int32)
        for outline, value in outlines_of(numbers, mask=known, connectivity=4):
            # Polygons of two blocks are joined along sides that they have in common: point by point.
            rings = [np.array(ring) + np.array([left, top]) for ring in outline["coordinates"]]
            reach = [_on_borders(ring, (left, right), (top, bottom)) for ring in rings]
            if any(sides.any() for sides in reach):
                dense = [_with_points(ring, sides) for ring, sides in zip(rings, reach, strict=True)]
                self._open.setdefault(int(value), []).append(shapely.Polygon(dense[0], dense[1:]))
            else:
                self._whole.setdefault(int(value), []).append(shapely.Polygon(rings[0], rings[1:]))

    def _simplified(self, shapes: NDArray[np.object_]) -> NDArray[np.object_]:
        if not self._config.simplify or not len(shapes):
            return shapes
        # Neighbours stay neighbours where they have the same points along their common border: one at each pixel.
        dense = shapely.transform(shapely.segmentize(shapes, 1.0), np.round)
        tolerance = self._config.simplify / self._profile.grid.pixel_size
        simple: NDArray[np.object_] = shapely.coverage_simplify(dense, tolerance)
        return simple

    def _described(self, shapes: NDArray[np.object_], values: NDArray[np.int64]) -> FeatureLayer:
        names = {entry.value: entry.name for entry in self._profile.legend}
        columns: dict[str, NDArray[np.generic]] = {
            "class": np.array([names[value] for value in values.tolist()], dtype=object),
            "value": values,
        }
        layer = FeatureLayer(self._profile.grid, shapes.tolist(), columns, self._profile.tags)
        return FeatureLayer(layer.grid, layer.shapes, {**columns, **_areas(layer)}, layer.tags)


def _on_borders(ring: NDArray[np.float64], columns: tuple[int, int], rows: tuple[int, int]) -> NDArray[np.bool_]:
    """Return which sides of a ring (points, 2) lie on the border of a block."""
    here, there = ring[:-1], ring[1:]
    along = [
        np.isin(here[:, axis], edges) & (here[:, axis] == there[:, axis]) for axis, edges in enumerate((columns, rows))
    ]
    return np.asarray(along[0] | along[1])


def _with_points(ring: NDArray[np.float64], sides: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return a ring with a point at each pixel of some of its sides."""
    lengths = np.abs(np.diff(ring, axis=0)).max(axis=1)
    counts = np.where(sides, lengths, 1).astype(np.int64)
    first = np.repeat(np.cumsum(counts) - counts, counts)
    share = (np.arange(counts.sum()) - first) / np.repeat(counts, counts)
    points = np.repeat(ring[:-1], counts, axis=0) + share[:, None] * np.repeat(np.diff(ring, axis=0), counts, axis=0)
    return np.concatenate([points.round(), ring[-1:]])


def _joined(polygons: list[shapely.Polygon]) -> list[shapely.Polygon]:
    """Return polygons with those made one that share a part of a side; corners do not join."""
    if not polygons:
        return []
    parts = shapely.get_parts(shapely.coverage_union_all(polygons))
    # Without the points along borders of blocks.
    simple: list[shapely.Polygon] = shapely.simplify(parts, 0, preserve_topology=False).tolist()
    return simple


def _areas(layer: FeatureLayer) -> Mapping[str, NDArray[np.generic]]:
    """Return the area of each polygon: in square metres, on the ellipsoid where the CRS counts in degrees."""
    crs, frame = layer.grid.crs, layer.frame()
    if crs is None:
        return {"area_pixels": np.asarray(shapely.area(np.array(list(layer.shapes), dtype=object)), np.float64)}
    if crs.is_projected:
        return {"area_m2": frame.area.to_numpy(np.float64) * crs.linear_units_factor[1] ** 2}
    geod: Geod = frame.crs.get_geod() or Geod(ellps="WGS84")
    found = [abs(geod.geometry_area_perimeter(shape)[0]) for shape in frame.geometry]
    return {"area_m2": np.array(found, np.float64)}

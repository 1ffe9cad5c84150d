"""Outlines of classes: found block by block while a map is predicted, joined where blocks meet, and then forgotten."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import shapely
from numpy.typing import NDArray
from rasterio.features import shapes as outlines_of
from rasterio.windows import Window

from groundwork.config.inference import PolygonsConfig
from groundwork.prediction.areas import with_areas
from groundwork.prediction.outline_joining import Border, OpenRegions
from groundwork.prediction.outline_store import OutlineStore
from groundwork.prediction.products import POLYGONS
from groundwork.rasters.features import FeatureBatches, FeatureLayer, FeatureStream
from groundwork.rasters.grid import Grid
from groundwork.rasters.stream import RasterProfile
from groundwork.targets.kind import Products


class ClassPolygons:
    """The outlines of a class raster. A polygon is all pixels of one class that share sides.

    Memory holds no raster, and of the outlines those that blocks still to come may reach. Outlines that are simplified
    are held all at once when they are asked for, as neighbours are simplified together.

    Args:
        product: The raster.
        profile: What it holds.
        config: How much outlines are simplified.
    """

    def __init__(self, product: str, profile: RasterProfile, config: PolygonsConfig) -> None:
        self._product, self._profile, self._config = product, profile, config
        self._store, self._open = OutlineStore(), OpenRegions()
        self._num_parts = 0

    def keeping(self, blocks: Iterator[tuple[Window, Products]]) -> Iterator[tuple[Window, Products]]:
        """Yield the same blocks, whose outlines are kept."""
        for window, products in blocks:
            self._add(window, products[self._product][0])
            yield window, products

    def stream(self) -> FeatureStream:
        """Return the outlines, to be asked for when all blocks were taken."""
        return FeatureStream((POLYGONS,), lambda: {POLYGONS: self.outlines()})

    def outlines(self) -> FeatureBatches:
        """Return all outlines, from the top to the bottom.

        Raises:
            ValueError: Where a block did not come.
        """
        self._open.require_finished()
        profile = self._profile
        return FeatureBatches(profile.grid, profile.tags, self._batches, legend=profile.legend)

    def _batches(self) -> Iterator[FeatureLayer]:
        stored: Iterable[tuple[NDArray[np.int64], NDArray[np.object_]]] = self._store.batches()
        if self._config.simplify:
            together = list(stored)
            values, shapes = (np.concatenate(list(part)) for part in zip(*together, strict=True))
            stored = [(values, self._simplified(shapes))]
        for values, shapes in stored:
            yield self._described(shapes, values)

    def _add(self, window: Window, classes: NDArray[np.generic]) -> None:
        block = _Block(window, classes.shape[1], classes.shape[0], self._profile.grid)
        known = np.asarray(classes != self._profile.nodata)
        parts: list[tuple[int, int, shapely.Polygon]] = []
        whole: dict[int, list[shapely.Polygon]] = {}
        # GDAL outlines bytes and 32-bit integers alike; a label may be any of the latter.
        for outline, value in outlines_of(classes.astype(np.int32), mask=known, connectivity=4):
            rings = [np.array(ring) + np.array([block.left, block.top]) for ring in outline["coordinates"]]
            reach = [block.sides_of(ring) for ring in rings]
            if any(sides.any() for sides in reach):
                self._num_parts += 1
                block.mark(rings[0], reach[0], self._num_parts)
                # Polygons of two blocks are joined along sides that they have in common: point by point.
                dense = [_with_points(ring, sides) for ring, sides in zip(rings, reach, strict=True)]
                parts.append((self._num_parts, int(value), shapely.Polygon(dense[0], dense[1:])))
            else:
                whole.setdefault(int(value), []).append(shapely.Polygon(rings[0], rings[1:]))
        for value, polygons in (*whole.items(), *self._open.add(parts, block.borders())):
            self._store.add(value, polygons)

    def _simplified(self, shapes: NDArray[np.object_]) -> NDArray[np.object_]:
        if not len(shapes):
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
        return with_areas(FeatureLayer(self._profile.grid, shapes.tolist(), columns, self._profile.tags))


class _Block:
    """The borders of a block that lie inside the raster: where others come beside it."""

    def __init__(self, window: Window, width: int, height: int, grid: Grid) -> None:
        self.left, self.top = int(window.col_off), int(window.row_off)
        right, bottom = self.left + width, self.top + height
        columns = [column for column in (self.left, right) if 0 < column < grid.width]
        rows = [row for row in (self.top, bottom) if 0 < row < grid.height]
        #: Axis along which a side lies at one number, that number -> the part at each pixel of the side.
        self._sides = {(0, column): np.zeros(height, np.int64) for column in columns}
        self._sides |= {(1, row): np.zeros(width, np.int64) for row in rows}

    def sides_of(self, ring: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return which sides of a ring (points, 2) lie on a border."""
        here, there = ring[:-1], ring[1:]
        along = np.zeros(len(here), np.bool_)
        for axis, number in self._sides:
            along |= (here[:, axis] == number) & (there[:, axis] == number)
        return along

    def mark(self, ring: NDArray[np.float64], sides: NDArray[np.bool_], part: int) -> None:
        """Note which pixels at borders are of a part; those of its outer ring are all."""
        for here, there in zip(ring[:-1][sides], ring[1:][sides], strict=True):
            axis = 0 if here[0] == there[0] else 1
            start = self.left if axis else self.top
            first, last = sorted((int(here[1 - axis]) - start, int(there[1 - axis]) - start))
            self._sides[axis, int(here[axis])][first:last] = part

    def borders(self) -> list[Border]:
        """Return the borders with what lies at each."""
        return [
            Border(("row", number, self.left) if axis else ("column", number, self.top), parts)
            for (axis, number), parts in self._sides.items()
        ]


def _with_points(ring: NDArray[np.float64], sides: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return a ring with a point at each pixel of some of its sides."""
    lengths = np.abs(np.diff(ring, axis=0)).max(axis=1)
    counts = np.where(sides, lengths, 1).astype(np.int64)
    first = np.repeat(np.cumsum(counts) - counts, counts)
    share = (np.arange(counts.sum()) - first) / np.repeat(counts, counts)
    points = np.repeat(ring[:-1], counts, axis=0) + share[:, None] * np.repeat(np.diff(ring, axis=0), counts, axis=0)
    return np.concatenate([points.round(), ring[-1:]])

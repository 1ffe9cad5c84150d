"""Features, such as boxes or outlines with what is known of each, that lie on the grid of a raster."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import shapely
from numpy.typing import NDArray

from groundwork.rasters.bad_blocks import BadFile
from groundwork.rasters.grid import Grid
from groundwork.rasters.legend import LegendEntry

if TYPE_CHECKING:
    # It takes memory that maps do not need.
    import geopandas


@dataclass(frozen=True, slots=True)
class FeatureLayer:
    """A layer of polygons with attributes, in the CRS of a raster. It may hold none."""

    grid: Grid
    #: Polygons in columns and rows of the grid, from the upper left corner of its first pixel.
    shapes: Sequence[shapely.Polygon | shapely.MultiPolygon]
    #: Attribute -> its value for each polygon. The types also hold where there is no polygon.
    columns: Mapping[str, NDArray[np.generic]]
    #: What the layer says of its origin.
    tags: Mapping[str, str] = field(default_factory=dict)
    #: The classes that the attribute ``class`` names, with their colours. Empty: it has no such attribute.
    legend: tuple[LegendEntry, ...] = ()

    @property
    def is_mixed(self) -> bool:
        """Whether a feature consists of several polygons."""
        return any(shape.geom_type == "MultiPolygon" for shape in self.shapes)

    def batches(self) -> Iterator[FeatureLayer]:
        """Yield the layer itself: see :class:`FeatureBatches`."""
        yield self

    def whole(self) -> FeatureLayer:
        """Return the layer itself: see :class:`FeatureBatches`."""
        return self

    def frame(self) -> geopandas.GeoDataFrame:
        """Return the features, placed on the ground; without a CRS they stay in columns and rows."""
        import geopandas  # noqa: PLC0415 - it takes memory that maps do not need
        import pandas as pd  # noqa: PLC0415 - it takes 60 MB that maps do not need

        transform = self.grid.transform
        matrix = np.array([[transform.a, transform.b], [transform.d, transform.e]])
        shift = np.array([transform.c, transform.f])
        shapes = np.array(list(self.shapes), dtype=object)
        placed = shapely.transform(shapes, lambda points: points @ matrix.T + shift)
        crs = None if self.grid.crs is None else self.grid.crs.to_wkt()
        # A grid whose rows go south turns rings round.
        oriented = shapely.orient_polygons(placed) if len(placed) else placed
        return geopandas.GeoDataFrame(pd.DataFrame(dict(self.columns)), geometry=list(oriented), crs=crs)


@dataclass(frozen=True, slots=True)
class FeatureBatches:
    """A layer of any number of polygons, which is handed on in parts, so that memory does not grow with it."""

    grid: Grid
    #: What the layer says of its origin.
    tags: Mapping[str, str]
    #: Gives the parts in order, each time anew.
    parts: Callable[[], Iterator[FeatureLayer]]
    #: Whether a feature consists of several polygons.
    is_mixed: bool = False
    #: As of :class:`FeatureLayer`.
    legend: tuple[LegendEntry, ...] = ()

    def batches(self) -> Iterator[FeatureLayer]:
        """Yield the parts, at least one: attributes have their types also where there is no polygon."""
        return self.parts()

    def whole(self) -> FeatureLayer:
        """Return all parts as one."""
        parts = list(self.parts())
        columns = {name: np.concatenate([part.columns[name] for part in parts]) for name in parts[0].columns}
        shapes = [shape for part in parts for shape in part.shapes]
        return FeatureLayer(self.grid, shapes, columns, self.tags, self.legend)


#: A layer at once, or in parts.
Layer: TypeAlias = FeatureLayer | FeatureBatches


@dataclass(frozen=True, slots=True)
class FeatureStream:
    """Layers of features that do not exist yet: they are found when they are asked for, and then forgotten."""

    #: Names of the products, such as "objects".
    products: tuple[str, ...]
    #: Gives the layer of each product.
    find: Callable[[], Mapping[str, Layer]]
    #: Gives the files that they were found in and of which blocks could not be decoded, when they were found.
    bad_files: Callable[[], tuple[BadFile, ...]] = tuple


def together(streams: Sequence[FeatureStream]) -> FeatureStream | None:
    """Return several streams as one. None: there are none."""

    def find() -> dict[str, Layer]:
        return {name: layer for stream in streams for name, layer in stream.find().items()}

    return FeatureStream(tuple(name for stream in streams for name in stream.products), find) if streams else None


def boxes(edges: NDArray[np.floating]) -> list[shapely.Polygon]:
    """Return boxes (boxes, 4) of left, top, right and bottom as polygons."""
    found: list[shapely.Polygon] = shapely.box(*edges.reshape(-1, 4).astype(np.float64).T).tolist()
    return found

"""Features, such as boxes or outlines with what is known of each, that lie on the grid of a raster."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import geopandas
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from groundwork.rasters.grid import Grid


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

    def frame(self) -> geopandas.GeoDataFrame:
        """Return the features, placed on the ground; without a CRS they stay in columns and rows."""
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
class FeatureStream:
    """Layers of features that do not exist yet: they are found when they are asked for, and then forgotten."""

    #: Names of the products, such as "objects".
    products: tuple[str, ...]
    #: Gives the layer of each product.
    find: Callable[[], Mapping[str, FeatureLayer]]


def together(streams: Sequence[FeatureStream]) -> FeatureStream | None:
    """Return several streams as one. None: there are none."""

    def find() -> dict[str, FeatureLayer]:
        return {name: layer for stream in streams for name, layer in stream.find().items()}

    return FeatureStream(tuple(name for stream in streams for name in stream.products), find) if streams else None


def boxes(edges: NDArray[np.floating]) -> list[shapely.Polygon]:
    """Return boxes (boxes, 4) of left, top, right and bottom as polygons."""
    found: list[shapely.Polygon] = shapely.box(*edges.reshape(-1, 4).astype(np.float64).T).tolist()
    return found

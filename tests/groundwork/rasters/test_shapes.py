"""Polygons are drawn as shapely itself hands them to GDAL, point for point."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from groundwork.rasters.shapes import polygon_lists

HOLED = shapely.Point(5, 5).buffer(4).difference(shapely.box(4, 4, 6, 5.5))
APART = shapely.union(HOLED, shapely.Point(20, 3).buffer(2).difference(shapely.Point(20, 3).buffer(1)))
SHAPES = {
    "none": [],
    "plain": [shapely.box(0, 0, 1, 1), shapely.box(0.1, 1e-9, 1e9, 3)],
    "holes and parts": [HOLED, shapely.box(2, 2, 3, 3), APART, HOLED],
    "heights": [shapely.Polygon([(0, 0, 7), (1, 0, 8), (1, 1, 9)])],
}


@pytest.mark.parametrize("shapes", SHAPES.values(), ids=SHAPES)
def test_they_are_what_shapely_says_of_each(shapes: list[shapely.Geometry]) -> None:
    found = polygon_lists(np.array(shapes, dtype=object))
    assert len(found) == len(shapes)
    for shape, given in zip(shapes, found, strict=True):
        said = shapely.geometry.mapping(shapely.force_2d(shape))
        parts = said["coordinates"] if shape.geom_type == "MultiPolygon" else [said["coordinates"]]
        assert given == {
            "type": "MultiPolygon",
            "coordinates": [[[list(place) for place in ring] for ring in part] for part in parts],
        }

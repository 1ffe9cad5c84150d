"""Outline the patches of some classes in a label: what a survey of single objects would have drawn."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray
from rasterio.features import shapes
from scipy import ndimage

from fieldwork.pipelines.sample_data.landscapes import CLASS_NAMES
from groundwork.rasters.features import FeatureLayer
from groundwork.rasters.grid import Grid

#: Class of the label -> what a patch of it is called.
PATCHES: Mapping[str, str] = {"water": "water_body", "built_up": "settlement", "bare_soil": "bare_field"}
#: Smaller ones nobody draws, in pixels.
LEAST = 40


def outline_patches(label: NDArray[np.uint8], grid: Grid) -> FeatureLayer:
    """Return the outlines of all patches that are large enough, each with its ``kind``.

    Args:
        label: The class of each pixel, numbered as in :data:`CLASS_NAMES`.
        grid: Of the label.
    """
    found = [(kind, outline) for name, kind in PATCHES.items() for outline in _outlines(label, CLASS_NAMES.index(name))]
    kinds = np.array([kind for kind, _ in found], dtype=object)
    return FeatureLayer(grid, [outline for _, outline in found], {"kind": kinds})


def outline_seen(label: NDArray[np.uint8], grid: Grid) -> FeatureLayer:
    """Return the outline of the ground whose class is known: under clouds nobody looked for patches."""
    parts = list(_polygons((label != 0).astype(np.int32)))
    return FeatureLayer(grid, parts, {"seen": np.ones(len(parts), np.int64)})


def _outlines(label: NDArray[np.uint8], code: int) -> Iterator[shapely.Polygon]:
    numbers, count = ndimage.label(label == code)
    sizes = np.bincount(numbers.ravel(), minlength=count + 1)
    yield from _polygons(np.where(sizes[numbers] >= LEAST, numbers, 0).astype(np.int32))


def _polygons(numbers: NDArray[np.int32]) -> Iterator[shapely.Polygon]:
    """Yield the outline of each number but 0, in columns and rows."""
    for outline, _ in shapes(numbers, numbers > 0, connectivity=4, transform=Affine.identity()):
        yield shapely.geometry.shape(outline)

"""Outlines of objects as COCO's JSON has them: polygons, or masks by the lengths of their runs."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from pathlib import Path

import numpy as np
import shapely
from numpy.typing import NDArray
from rasterio.features import shapes

from groundwork.errors import RasterError
from groundwork.rasters.annotations import AnnotatedImage, Annotation

#: How far an object may reach beyond its image, in pixels: programs round in their own ways.
BEYOND = 1.0


def outline_of(path: Path, image: AnnotatedImage, annotation: Annotation) -> shapely.Geometry:
    """Return the segmentation of an object as polygons in pixels of its image.

    Args:
        path: Of the file, for messages.
        image: In which it lies.
        annotation: With a segmentation.

    Raises:
        RasterError: For what is neither polygons nor runs, has no area or lies beyond the image.
    """
    found = annotation.segmentation
    where = f"the segmentation of {annotation.name} in '{image.name}'"
    if isinstance(found, Mapping):
        outline = _from_runs(path, where, found, image)
    else:
        outline = _from_polygons(path, where, found)
    _require_inside(path, where, outline.bounds, image)
    return outline


def box_of(path: Path, image: AnnotatedImage, annotation: Annotation) -> shapely.Geometry:
    """Return the box of an object as a polygon in pixels of its image.

    Raises:
        RasterError: For a box without area, or beyond the image.
    """
    left, top, width, height = annotation.box
    where = f"the bbox {list(annotation.box)} of {annotation.name} in '{image.name}'"
    if width <= 0 or height <= 0:
        raise RasterError(path, f"{where}, which has no area", "left, top, width, height", "Correct or remove it.")
    _require_inside(path, where, (left, top, left + width, top + height), image)
    return shapely.box(left, top, left + width, top + height)


def runs_of(pixels: NDArray[np.bool_]) -> dict[str, list[int]]:
    """Return pixels (height, width) as COCO's JSON has them: by the lengths of their runs."""
    flat = np.concatenate([[False], pixels.T.ravel(), [not pixels[-1, -1]]])
    edges = np.flatnonzero(flat[1:] != flat[:-1])
    return {"size": list(pixels.shape), "counts": np.diff(edges, prepend=0).tolist()}


def _require_inside(path: Path, where: str, bounds: tuple[float, float, float, float], image: AnnotatedImage) -> None:
    left, top, right, bottom = bounds
    if min(left, top) < -BEYOND or right > image.width + BEYOND or bottom > image.height + BEYOND:
        edges = ", ".join(f"{edge:g}" for edge in bounds)
        found = f"{where}, which reaches from left, top to right, bottom ({edges})"
        expected = f"objects within {image.width} x {image.height} pixels"
        raise RasterError(path, found, expected, "Correct it; boxes are left, top, width, height.")


def _from_polygons(path: Path, where: str, found: object) -> shapely.Geometry:
    rings = found if isinstance(found, list) else []
    parts = []
    for ring in rings:
        numbers = [value for value in ring if isinstance(value, int | float)] if isinstance(ring, list) else []
        if not numbers or len(numbers) != len(ring) or len(numbers) % 2 or not all(map(isfinite, numbers)):
            raise RasterError(path, f"{where}: {str(ring)[:60]}", "lists of x and y in turn, or runs", "Correct it.")
        if len(numbers) > 5:
            parts.append(_enclosed(np.reshape(numbers, (-1, 2))))
    if len(parts) == 1 and parts[0].area > 0 and parts[0].geom_type == "Polygon":
        return parts[0]
    outline = shapely.union_all(parts)
    areas = [part for part in shapely.get_parts(outline) if part.area > 0]
    if not areas:
        raise RasterError(path, f"{where}, which has no area", "polygons of three corners or more", "Correct it.")
    return shapely.union_all(areas)


def _enclosed(corners: NDArray[np.float64]) -> shapely.Geometry:
    """Return what a ring encloses: those that cross themselves are common in annotations."""
    outline = shapely.Polygon(corners)
    return outline if outline.is_valid else shapely.make_valid(outline)


def _from_runs(path: Path, where: str, found: Mapping[str, object], image: AnnotatedImage) -> shapely.Geometry:
    """Return pixels as polygons along their edges."""
    counts, size = found.get("counts"), found.get("size")
    runs = _unpack(counts) if isinstance(counts, str) else counts
    whole = isinstance(runs, list) and all(isinstance(run, int) and run >= 0 for run in runs)
    if size != [image.height, image.width] or not whole or not isinstance(runs, list):
        expected = f"'size': {[image.height, image.width]} (height, width), and 'counts'"
        raise RasterError(path, f"{where} with 'size': {size}", expected, "Correct it, or the size of the image.")
    if sum(runs) != image.height * image.width:
        expected = f"as many as the image has, {image.height * image.width}"
        raise RasterError(path, f"{where} with runs of {sum(runs)} pixels", expected, "Correct it.")
    # Runs go down the columns, and the first is one of pixels that do not belong to the object.
    flat = np.repeat(np.arange(len(runs)) % 2, runs).astype(np.uint8)
    pixels: NDArray[np.uint8] = flat.reshape(image.width, image.height).T
    if not pixels.any():
        raise RasterError(path, f"{where}, which has no pixel", "objects with an area", "Correct or remove it.")
    return shapely.union_all([shapely.geometry.shape(part) for part, _ in shapes(pixels, pixels > 0)])


def _unpack(text: str) -> list[int]:
    """Return the runs of a text: five bits in each letter, the next bit says that more follow, the last is a sign.

    From the fourth run on, it is the difference from the run before the last that is written.
    """
    runs: list[int] = []
    value = shift = 0
    for letter in text:
        code = ord(letter) - 48
        value |= (code & 31) << shift
        shift += 5
        if code & 32:
            continue
        value -= (1 << shift) if code & 16 else 0
        runs.append(value + (runs[-2] if len(runs) > 2 else 0))
        value = shift = 0
    return runs

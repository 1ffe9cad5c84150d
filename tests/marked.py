"""Scenes with bright squares and discs, whose places are known, and their labels in both forms."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import rasterio
from rasterio.transform import from_origin
from shapely.geometry import Point, Polygon, box

UTM, PIXEL = "EPSG:32632", 10.0
MARKS = ("square", "disc")
MARK_CLASSES = [
    {"value": 1, "name": "square", "color": "#1f78b4"},
    {"value": 2, "name": "disc", "color": "#e31a1c"},
]


@dataclass(frozen=True)
class Mark:
    """One object: what it is, and its left, top, right and bottom edge in pixels of its scene."""

    name: str
    box: tuple[int, int, int, int]

    @property
    def outline(self) -> Polygon:
        """In pixels."""
        left, top, right, bottom = self.box
        if self.name == "square":
            return box(*self.box)
        return Point((left + right) / 2, (top + bottom) / 2).buffer((right - left) / 2, quad_segs=16)


@dataclass(frozen=True)
class MarkedScenes:
    """A folder of scenes, and what lies in each."""

    folder: Path
    marks: Mapping[str, Sequence[Mark]]
    size: int

    def origin(self, key: str) -> tuple[float, float]:
        """Easting and northing of the upper left corner."""
        return 500_000 + 5_000 * list(self.marks).index(key), 5_000_000

    def outline_on_ground(self, key: str, mark: Mark) -> Polygon:
        """In the CRS of the scenes."""
        east, north = self.origin(key)
        corners = [(east + PIXEL * x, north - PIXEL * y) for x, y in mark.outline.exterior.coords]
        return Polygon(corners)

    def write_vectors(self, path: Path, crs: str = UTM) -> Path:
        """Write all marks into one vector file, with their names as ``kind``."""
        found = [(mark.name, self.outline_on_ground(key, mark)) for key, marks in self.marks.items() for mark in marks]
        names, outlines = zip(*found, strict=True)
        frame = geopandas.GeoDataFrame({"kind": names}, geometry=list(outlines), crs=UTM)
        frame.to_crs(crs).to_file(path, engine="pyogrio")
        return path

    def coco(self) -> dict[str, Any]:
        """Return all marks as COCO's JSON has them."""
        images, annotations = [], []
        for number, (key, marks) in enumerate(self.marks.items(), start=1):
            images.append({"id": number, "file_name": f"{key}.tif", "width": self.size, "height": self.size})
            for mark in marks:
                left, top, right, bottom = mark.box
                outline = [round(value, 3) for corner in mark.outline.exterior.coords[:-1] for value in corner]
                annotations.append(
                    {
                        "id": len(annotations) + 1,
                        "image_id": number,
                        "category_id": 1 + MARKS.index(mark.name),
                        "bbox": [left, top, right - left, bottom - top],
                        "area": (right - left) * (bottom - top),
                        "segmentation": [outline],
                        "iscrowd": 0,
                    }
                )
        categories = [{"id": number, "name": name} for number, name in enumerate(MARKS, start=1)]
        return {"images": images, "annotations": annotations, "categories": categories}

    def write_coco(self, path: Path) -> Path:
        """Write all marks into one file of COCO's JSON."""
        path.write_text(json.dumps(self.coco()), encoding="utf-8")
        return path


def write_marked(folder: Path, scenes: Mapping[str, int], size: int = 64, seed: int = 0) -> MarkedScenes:
    """Write scenes of bands A, B and C, int16, nodata -9999, with marks that do not touch one another.

    Squares are bright in A, discs in B.

    Args:
        folder: Where they are written, as ``{key}.tif``.
        scenes: Key -> number of its marks.
        size: Height and width of each in pixels.
        seed: Of places and noise.
    """
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(seed)
    found = MarkedScenes(folder, {key: _place(random, count, size) for key, count in scenes.items()}, size)
    for key, marks in found.marks.items():
        pixels = random.normal(500, 50, (3, size, size))
        for mark in marks:
            pixels[MARKS.index(mark.name), pixels_of(mark, size)] = 3000
        place = from_origin(*found.origin(key), PIXEL, PIXEL)
        profile = {"driver": "GTiff", "dtype": "int16", "nodata": -9999, "crs": UTM, "transform": place}
        with rasterio.open(folder / f"{key}.tif", "w", count=3, height=size, width=size, **profile) as raster:
            raster.write(pixels.astype(np.int16))
            raster.descriptions = ("A", "B", "C")
    return found


def pixels_of(mark: Mark, size: int) -> np.ndarray:
    """Where a mark was painted, (size, size)."""
    left, top, right, bottom = mark.box
    rows, columns = np.mgrid[:size, :size] + 0.5
    if mark.name == "square":
        return (left < columns) & (columns < right) & (top < rows) & (rows < bottom)
    distance = np.hypot(columns - (left + right) / 2, rows - (top + bottom) / 2)
    return distance <= (right - left) / 2


def _place(random: np.random.Generator, count: int, size: int) -> list[Mark]:
    marks: list[Mark] = []
    taken = np.zeros((size, size), np.bool_)
    while len(marks) < count:
        side = int(random.integers(5, 13))
        left, top = (int(value) for value in random.integers(1, size - side, 2))
        around = slice(max(top - 1, 0), top + side + 1), slice(max(left - 1, 0), left + side + 1)
        if taken[around].any():
            continue
        taken[around] = True
        marks.append(Mark(MARKS[len(marks) % 2], (left, top, left + side, top + side)))
    return marks


def marked_data(**target: Any) -> dict[str, Any]:
    """Return what stands under ``data`` for such scenes, with changes of the target."""
    source = {"bands": ["A", "B", "C"], "dtype": "int16", "nodata": -9999}
    return {
        "sources": {"optical": source},
        "target": {"classes": MARK_CLASSES, "per": "object"} | target,
        "chips": {"size": 32},
        "split": {"method": "scenes", "fractions": {"train": 0.5, "val": 0.25, "test": 0.25}},
    }

"""The objects of a scene, whatever form their labels have: as answers of pixels, and those of any window."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import product
from pathlib import Path

import geopandas
import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray
from rasterio.windows import Window

from groundwork.batch import Answers, Objects, Patch
from groundwork.errors import RasterError
from groundwork.rasters.grid import Grid
from groundwork.rasters.shapes import Shapes
from groundwork.specs import ObjectSpec, TargetSpec, VectorSpec
from groundwork.targets.drawn import DrawnPlane
from groundwork.targets.labels import IGNORE
from groundwork.targets.object_pixels import NO_OBJECT, draw_objects

#: What is odd about objects, for people.
DOUBLED = "have class and box of another one, and count beside it. Remove what stands twice"
SCATTERED = (
    "are parts far from each other, such as of what was dissolved by class, and a feature is one object. Take apart "
    "what are several (QGIS's 'Multipart to singleparts', geopandas' explode)"
)
#: Share of its box that the boxes of an object's parts cover at least where these lie near each other.
_NEAR = 0.05

#: How far from its centre an object is counted at most, in pixels, where centres of others lie in the same pixel.
_REACH = 8
#: Edges of boxes are whole multiples of 1 / STEPS pixels: bringing features to another CRS is exact to less than that,
#: and not the same to the last bit everywhere.
STEPS = 256


class SceneObjects:
    """Outlines of objects on the grid of a scene; of boxes these are the boxes themselves."""

    def __init__(
        self,
        path: Path,
        target: TargetSpec,
        grid: Grid,
        outlines: NDArray[np.object_],
        classes: NDArray[np.int64],
        complete: Shapes | None = None,
    ) -> None:
        """Take what lies on or near the scene.

        Args:
            path: Of the file, for messages.
            target: Says how objects are labelled.
            grid: Of the scene.
            outlines: Polygons in columns and rows of the grid.
            classes: Class index of each; IGNORE where nobody knows what is there.
            complete: Where all objects are labelled. None: everywhere.

        Raises:
            RasterError: For more objects in one place than there are pixels.
        """
        self._spec, self._grid = target.objects or ObjectSpec(), grid
        vectors = VectorSpec(overlap="last", all_touched=target.vectors is not None and target.vectors.all_touched)
        self._all_touched = vectors.all_touched
        parts, kinds = self._inside(outlines, classes)
        # What is drawn later covers what was drawn before: small objects cover large ones, and all that is not known.
        order = np.lexsort((-shapely.area(parts), kinds != IGNORE))
        self._outlines, self._classes = parts[order], kinds[order]
        self._shapes = Shapes(geopandas.GeoDataFrame(geometry=self._outlines), Affine.identity())
        self._ones = np.ones(len(self._shapes), np.uint8)
        values = np.where(self._classes == IGNORE, IGNORE, 1 + self._classes).astype(np.int16)
        self._cover = DrawnPlane(self._shapes, values, NO_OBJECT, grid, vectors, path)
        edges = shapely.bounds(self._outlines).reshape(-1, 4)
        middles = np.round((edges[:, :2] + edges[:, 2:]) / 2 * STEPS).astype(np.int64) // STEPS
        #: Column and row of the pixel in which the centre of each lies (objects, 2).
        self._middles: NDArray[np.int64] = middles.clip(max=(grid.width - 1, grid.height - 1))
        self._marks = self._mark(path)
        self._complete = None
        if complete is not None:
            self._complete = DrawnPlane(complete, np.ones(len(complete), np.uint8), 0, grid, VectorSpec(), path)

    def remarks(self) -> Mapping[str, int]:
        """Return how many objects are odd, though they may be meant: :data:`DOUBLED` and :data:`SCATTERED`."""
        known = self._classes != IGNORE
        outlines = self._outlines[known]
        places = np.column_stack([np.round(shapely.bounds(outlines).reshape(-1, 4) * STEPS), self._classes[known]])
        doubled = len(places) - len(np.unique(places, axis=0))
        parts, of = shapely.get_parts(outlines, return_index=True)
        covered = np.bincount(of, shapely.area(shapely.envelope(parts)), len(outlines))
        scattered = int((covered < _NEAR * shapely.area(shapely.envelope(outlines))).sum())
        return {text: count for text, count in ((DOUBLED, doubled), (SCATTERED, scattered)) if count}

    def _inside(
        self, outlines: NDArray[np.object_], classes: NDArray[np.int64]
    ) -> tuple[NDArray[np.object_], NDArray[np.int64]]:
        """Return what of objects lies in the scene; of those of which little does, nobody is asked."""
        parts, shares = _cut(outlines, (0, 0, self._grid.width, self._grid.height))
        kinds = np.where(shares >= self._spec.min_visible, classes, IGNORE)
        return parts[shares > 0], kinds[shares > 0]

    def _mark(self, path: Path) -> NDArray[np.int64]:
        """Return row, column and 1 + class index of each object, no two in one pixel, (objects, 3)."""
        middles, classes = (part[self._classes != IGNORE] for part in (self._middles, self._classes))
        columns, rows = middles.T
        places: dict[tuple[int, int], int] = {}
        for row, column, index in zip(rows.tolist(), columns.tolist(), classes.tolist(), strict=True):
            free = (place for place in _around(row, column, self._grid) if place not in places)
            place = next(free, None)
            if place is None:
                found = f"more than {(2 * _REACH + 1) ** 2} objects around row {row}, column {column}"
                raise RasterError(path, found, "objects of different places", "Remove those that stand there twice.")
            places[place] = 1 + index
        return np.array([(*place, value) for place, value in places.items()], np.int64).reshape(-1, 3)

    def read(self, window: Window) -> Answers:
        """Return the answers of a window, (2, height, width): see :class:`ObjectAnswers`."""
        (top, bottom), (left, right) = window.toranges()
        answers = np.zeros((2, bottom - top, right - left), np.int16)
        answers[0] = self._cover.read(window)
        if self._complete is not None:
            answers[0][(answers[0] == NO_OBJECT) & (self._complete.read(window) == 0)] = IGNORE
        rows, columns, values = self._marks.T
        here = (rows >= top) & (rows < bottom) & (columns >= left) & (columns < right)
        place = rows[here] - top, columns[here] - left
        answers[(1, *place)] = values[here]
        # An object between the centres of pixels has the pixel in which it lies.
        free = answers[(0, *place)] == NO_OBJECT
        answers[0, place[0][free], place[1][free]] = values[here][free]
        for axis, (first, length) in enumerate(((top, self._grid.height), (left, self._grid.width))):
            beyond = np.arange(first, first + answers.shape[1 + axis])
            answers[(slice(None),) * (1 + axis) + ((beyond < 0) | (beyond >= length),)] = IGNORE
        return answers

    def with_objects(self, window: Window, patch: Patch) -> Patch:
        """Return a window with the objects in it. The pixels of those of which too little is seen are not known.

        Args:
            window: Which it is.
            patch: With answers.
        """
        (top, bottom), (left, right) = window.toranges()
        near = self._shapes.near(window)
        near = near[self._classes[near] != IGNORE]
        parts, shares = _cut(self._outlines[near], (left, top, right, bottom))
        near, parts, shares = near[shares > 0], parts[shares > 0], shares[shares > 0]
        known, has_masks = patch.known, self._spec.masks
        pixels = None
        if has_masks or not known.all():
            pixels = draw_objects(self._shapes, near, parts, window, all_touched=self._all_touched)
            shares = shares if known.all() else shares * pixels.shares(known)
        edges = np.round((shapely.bounds(parts).reshape(-1, 4) - (left, top, left, top)) * STEPS) / STEPS
        seen = (edges[:, :2] < edges[:, 2:]).all(axis=1) & (shares > 0) & (shares >= self._spec.min_visible)
        masks = pixels.masks(seen) if has_masks and pixels is not None else None
        centers = self._middles[near[seen]] - (left, top) + 0.5
        objects = Objects(edges[seen].astype(np.float32), self._classes[near[seen]], centers.astype(np.float32), masks)
        return replace(patch, target=self._hide(np.asarray(patch.target), near, seen, window), objects=objects)

    def _hide(self, answers: Answers, near: NDArray[np.int64], seen: NDArray[np.bool_], window: Window) -> Answers:
        """Return answers that say nothing where objects lie that are left out, and no others."""
        if seen.all():
            return answers
        left_out, kept = (self._drawn(near[chosen], window) for chosen in (~seen, seen))
        hidden = answers.copy()
        hidden[0][left_out & ~kept] = IGNORE
        return hidden

    def _drawn(self, order: NDArray[np.int64], window: Window) -> NDArray[np.bool_]:
        return np.asarray(self._shapes.draw(order, self._ones, window, 0, all_touched=self._all_touched) == 1)


def _cut(
    outlines: NDArray[np.object_], edges: tuple[int, int, int, int]
) -> tuple[NDArray[np.object_], NDArray[np.float64]]:
    """Return what of outlines lies within edges, and the share of their area that does."""
    parts = shapely.intersection(outlines, shapely.box(*edges))
    shares: NDArray[np.float64] = shapely.area(parts) / shapely.area(outlines)
    return parts, shares


def _around(row: int, column: int, grid: Grid) -> Iterator[tuple[int, int]]:
    """Yield a pixel, and those around it that lie in the grid, ring by ring."""
    for reach in range(_REACH + 1):
        for down, right in product(range(-reach, reach + 1), repeat=2):
            place = row + down, column + right
            if max(abs(down), abs(right)) == reach and 0 <= place[0] < grid.height and 0 <= place[1] < grid.width:
                yield place

"""Which pixels of a window belong to which object, also where objects lie upon each other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from rasterio.windows import Window

from groundwork.rasters.shapes import Shapes

#: Stands for pixels in which no object lies; those of class 0 hold 1.
NO_OBJECT = 0


@dataclass(frozen=True, slots=True)
class ObjectPixels:
    """The pixels of the objects of a window; each has one at least."""

    #: 1 + the number of the object that has a pixel, 0 where none does, (layers, height, width). Objects whose boxes
    #: share pixels are in different layers.
    layers: NDArray[np.int32]
    #: Number of an object between the centres of pixels -> row and column of its middle.
    points: dict[int, tuple[int, int]]
    num_objects: int

    def shares(self, chosen: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Return the share of the pixels of each object that is chosen, (objects,).

        Args:
            chosen: Pixels, (height, width).
        """
        counts = [
            sum(np.bincount(layer[where], minlength=1 + self.num_objects)[1:] for layer in self.layers)
            for where in (chosen, np.ones_like(chosen))
        ]
        found: NDArray[np.float64] = np.asarray(counts[0], np.float64) / np.maximum(counts[1], 1)
        for number, place in self.points.items():
            found[number] = chosen[place]
        return found

    def masks(self, chosen: NDArray[np.bool_]) -> NDArray[np.uint8]:
        """Return the pixels of some objects, (objects, height, width).

        Args:
            chosen: Which of them, (objects,).
        """
        masks = np.zeros((int(chosen.sum()), *self.layers.shape[1:]), np.uint8)
        # By 1 + number; -1 for what is not chosen.
        places = np.concatenate([[-1], np.where(chosen, np.cumsum(chosen) - 1, -1)])
        _, rows, columns = np.nonzero(self.layers)
        found = places[self.layers[self.layers > 0]]
        masks[found[found >= 0], rows[found >= 0], columns[found >= 0]] = 1
        for number, pixel in self.points.items():
            if chosen[number]:
                masks[(places[1 + number], *pixel)] = 1
        return masks


def draw_objects(
    shapes: Shapes,
    near: NDArray[np.int64],
    parts: NDArray[np.object_],
    window: Window,
    *,
    all_touched: bool,
) -> ObjectPixels:
    """Draw objects of a window, as many at once as lie apart: each call takes longer than what it draws.

    Args:
        shapes: The outlines of all.
        near: Which of them lie in the window.
        parts: What of these lies in the window.
        window: Which it is.
        all_touched: Whether an object has all pixels that it touches, or those whose centre lies in it.
    """
    (top, bottom), (left, right) = window.toranges()
    edges = shapely.bounds(parts).reshape(-1, 4)
    groups, numbers = _apart(edges), np.zeros(len(shapes), np.int32)
    numbers[near] = 1 + np.arange(len(near))
    layers = np.zeros((groups.max(initial=-1) + 1, bottom - top, right - left), np.int32)
    for group, layer in enumerate(layers):
        layer[...] = shapes.draw(near[groups == group], numbers, window, 0, all_touched=all_touched)
    drawn = np.isin(1 + np.arange(len(near)), layers)
    middles = np.minimum((edges[:, :2] + edges[:, 2:]) / 2, (right - 1, bottom - 1)).astype(int) - (left, top)
    points = {number: (int(middles[number, 1]), int(middles[number, 0])) for number in np.flatnonzero(~drawn).tolist()}
    return ObjectPixels(layers, points, len(near))


def _apart(edges: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return a group for each box (objects, 4), so that no two of a group share a pixel."""
    first, last = np.floor(edges[:, :2]), np.ceil(edges[:, 2:])
    meets = np.asarray(((first[:, None] < last) & (first < last[:, None])).all(axis=2))
    groups = np.full(len(edges), -1)
    for number, others in enumerate(meets):
        taken = set(groups[others].tolist())
        groups[number] = next(group for group in range(len(edges)) if group not in taken)
    return groups

"""Outlines of objects of a tile, in pixels of the scene."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from rasterio.windows import Window

from groundwork.batch import Patch
from groundwork.targets.object_masks import draw_chances, outline_of, pixels_of


def outlines_in_scene(rows: NDArray[np.float32], window: Window, patch: Patch) -> NDArray[np.object_]:
    """Return the outline of each object along the edges of its pixels, in several polygons where these do not meet.

    Pixels without data belong to no object.

    Args:
        rows: Of objects with cells, in pixels of the tile.
        window: Where the tile lies in the scene.
        patch: The tile.
    """
    known = torch.from_numpy(np.ascontiguousarray(patch.known))
    outlines = np.zeros(len(rows), object)
    for index, row in enumerate(torch.from_numpy(rows)):
        (top, left), chances = draw_chances(row, patch.size)
        pixels = pixels_of(chances * known[top : top + chances.shape[0], left : left + chances.shape[1]])
        outlines[index] = outline_of(pixels.numpy(), (top + int(window.row_off), left + int(window.col_off)))
    return outlines

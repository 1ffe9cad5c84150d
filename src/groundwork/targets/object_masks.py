"""Outlines of objects as they travel beside boxes: the chance of each cell of a box, whatever its size."""

from __future__ import annotations

from math import isqrt

import numpy as np
import shapely
import torch
from affine import Affine
from numpy.typing import NDArray
from rasterio.features import shapes
from torch import Tensor

#: A row of an object begins with left, top, right, bottom, score and class index.
BOX_COLUMNS = 6
#: A pixel belongs to an object from this chance on.
BELONGS = 0.5


def join_cells(rows: Tensor, cells: Tensor) -> Tensor:
    """Return rows (..., 6) of objects with the cells (..., side, side) of their boxes behind, from above to below."""
    return torch.cat([rows, cells.flatten(-2)], dim=-1)


def has_cells(rows: Tensor | NDArray[np.generic]) -> bool:
    """Return whether rows say more of objects than their boxes."""
    return bool(rows.shape[-1] > BOX_COLUMNS)


def cells_of(rows: Tensor) -> Tensor:
    """Return the cells (..., side, side) of rows that have them."""
    side = isqrt(rows.shape[-1] - BOX_COLUMNS)
    return rows[..., BOX_COLUMNS:].reshape(*rows.shape[:-1], side, side)


def cells_within(cells: Tensor, boxes: Tensor, parts: Tensor) -> Tensor:
    """Return the cells of parts of boxes, read between those of the boxes.

    torchvision learns masks by a region pooling that takes the place of a pixel for its corner, so that what a cell
    says belongs half a pixel further right and below. Here it is brought to where it belongs, so that masks can be
    turned and drawn like boxes. Measured on discs and squares whose masks were given instead of learnt: what is drawn
    of them overlaps with them by 0.94 at sides of 6 to 10 pixels and 0.98 at 20 to 40, and as torchvision draws them by
    0.80 and 0.95.

    Args:
        cells: As a network of torchvision gives them (objects, side, side).
        boxes: That they are of (objects, 4).
        parts: The part of each box that is wanted (objects, 4).
    """
    side = cells.shape[-1]
    edges = torch.arange(side, device=cells.device, dtype=torch.float32) + 0.5
    across, down = (
        _between(parts[:, [low]] + edges / side * (parts[:, [low + 2]] - parts[:, [low]]) - 0.5, boxes, low, side)
        for low in (0, 1)
    )
    # Automatic half precision would round chances and places.
    with torch.autocast(cells.device.type, enabled=False):
        return down @ cells.float() @ across.transpose(1, 2)


def draw_masks(rows: Tensor, size: tuple[int, int]) -> Tensor:
    """Return the pixels of each object, (objects, height, width) bool; each has one at least.

    Args:
        rows: Of objects (objects, 6 or more). Those without cells have all pixels whose centre lies in their box.
        size: Height and width of the image.
    """
    masks = torch.zeros(len(rows), *size, dtype=torch.bool, device=rows.device)
    for mask, row in zip(masks, rows, strict=True):
        (top, left), chances = draw_chances(row, size)
        mask[top : top + chances.shape[0], left : left + chances.shape[1]] = pixels_of(chances)
    return masks


def draw_chances(row: Tensor, size: tuple[int, int]) -> tuple[tuple[int, int], Tensor]:
    """Return row and column of the first pixel that a box touches, and the chance of each pixel that it touches.

    Args:
        row: Of one object (6 or more).
        size: Height and width of the image.
    """
    left, top, right, bottom = row[:4].tolist()
    first_column, first_row = (min(max(int(low), 0), length - 1) for low, length in ((left, size[1]), (top, size[0])))
    last_column, last_row = (
        min(max(int(np.ceil(high)), first + 1), length)
        for high, first, length in ((right, first_column, size[1]), (bottom, first_row, size[0]))
    )
    columns, lines = (
        torch.arange(first, last, device=row.device, dtype=torch.float32) + 0.5
        for first, last in ((first_column, last_column), (first_row, last_row))
    )
    inside = ((lines > top) & (lines < bottom))[:, None] & ((columns > left) & (columns < right))
    if not has_cells(row):
        return (first_row, first_column), inside.float()
    box = row[None, :4].float()
    cells = cells_of(row).float()
    down, across = (_between(places[None], box, low, len(cells))[0] for places, low in ((lines, 1), (columns, 0)))
    chances = down @ cells @ across.T
    return (first_row, first_column), torch.where(inside, chances, chances * 0.5 * BELONGS)


def pixels_of(chances: Tensor) -> Tensor:
    """Return which pixels belong to an object: those that are likely enough, or else the likeliest one."""
    chosen = chances >= BELONGS
    if not chosen.any():
        chosen.view(-1)[chances.argmax()] = True
    return chosen


def outline_of(pixels: NDArray[np.bool_], first: tuple[int, int] = (0, 0)) -> shapely.Geometry:
    """Return what pixels cover, along their edges; in several polygons where these do not meet.

    Args:
        pixels: (height, width); some are chosen.
        first: Row and column of the first of them.
    """
    place = Affine.translation(first[1], first[0])
    parts = [shapely.geometry.shape(part) for part, _ in shapes(pixels.astype(np.uint8), pixels, transform=place)]
    return shapely.union_all(parts)


def _between(places: Tensor, boxes: Tensor, low: int, side: int) -> Tensor:
    """Return what each cell along an axis counts at places (objects, places): (objects, places, side)."""
    length = (boxes[:, [low + 2]] - boxes[:, [low]]).clamp(min=1e-6)
    cells = ((places - boxes[:, [low]]) / length * side - 0.5).clamp(0, side - 1)
    numbers = torch.arange(side, device=places.device, dtype=torch.float32)
    return (1 - (cells[..., None] - numbers).abs()).clamp(min=0)

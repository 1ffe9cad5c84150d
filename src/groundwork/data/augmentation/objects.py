"""Move the objects of chips as their pixels are moved."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from groundwork.targets.labels import IGNORE

#: The objects of one chip by name, as a batch has them.
Entry: TypeAlias = dict[str, Tensor]
#: Where masks (objects, height, width) come to lie.
MoveMasks: TypeAlias = Callable[[Tensor], Tensor]


def move_whole(entry: Entry, matrix: NDArray[np.float64], move_masks: MoveMasks) -> Entry:
    """Return objects moved by a symmetry, of which nothing leaves the chip.

    Args:
        entry: The objects of a chip.
        matrix: From a place (column, row, 1), counted from the upper left corner of the chip, to the new one, (3, 3).
        move_masks: Moves masks in the same way.
    """
    moved = _move_boxes(entry, matrix)
    if "masks" in entry:
        moved["masks"] = move_masks(entry["masks"])
    return moved


def move_and_cut(
    entry: Entry, matrix: NDArray[np.float64], move_masks: MoveMasks, target: Tensor, min_visible: float
) -> tuple[Entry, Tensor]:
    """Return moved objects, cut at the edge of the chip, and the answers of its pixels.

    Boxes are those of moved masks; without masks they enclose the moved corners, and so grow by a turn. An object of
    which less than a share is left is left out, and its pixels are not known.

    Args:
        entry: The objects of a chip.
        matrix: As of :func:`move_whole`.
        move_masks: Moves masks in the same way.
        target: Moved answers of the chip, (2, height, width).
        min_visible: The share.
    """
    height, width = target.shape[-2:]
    around = _move_boxes(entry, matrix)
    whole = around["boxes"]
    limits = whole.new_tensor([width, height, width, height])
    boxes = torch.minimum(whole.clamp(min=0), limits)
    shares = _area(boxes) / _area(whole)
    moved = {**around, "boxes": boxes}
    if "masks" in entry:
        masks = move_masks(entry["masks"])
        before = entry["masks"].flatten(1).sum(dim=1) * abs(float(np.linalg.det(matrix[:2, :2])))
        shares = masks.flatten(1).sum(dim=1) / before.clamp(min=1e-6)
        moved |= {"masks": masks, "boxes": boxes_of(masks)}
    has_extent = (moved["boxes"][:, :2] < moved["boxes"][:, 2:]).all(dim=1)
    kept = has_extent & (shares > 0) & (shares >= min_visible)
    seen, left_out = ({name: part[chosen] for name, part in moved.items()} for chosen in (kept, ~kept))
    return seen, target if kept.all() else _hide(target, left_out, seen)


def _move_boxes(entry: Entry, matrix: NDArray[np.float64]) -> Entry:
    """Return objects whose boxes are those around the moved corners, with the places of their centres."""
    left, top, right, bottom = entry["boxes"].unbind(dim=1)
    x, y = torch.stack([left, right, left, right]), torch.stack([top, top, bottom, bottom])
    corners = _move(x, y, matrix)
    moved = {**entry, "boxes": torch.cat([corners.amin(dim=0), corners.amax(dim=0)], dim=-1)}
    if "centers" in entry:
        moved["centers"] = _move(entry["centers"][:, 0], entry["centers"][:, 1], matrix)
    return moved


def _move(x: Tensor, y: Tensor, matrix: NDArray[np.float64]) -> Tensor:
    # Not as a product of matrices, which a device may round.
    (a, b, c), (d, e, f) = matrix[:2].tolist()
    return torch.stack([a * x + b * y + c, d * x + e * y + f], dim=-1)


def boxes_of(masks: Tensor) -> Tensor:
    """Return the boxes around masks (objects, height, width); those of empty ones have no area."""
    edges = []
    for held in ((masks > 0).any(dim=1), (masks > 0).any(dim=2)):
        places = torch.arange(held.shape[1], device=masks.device).expand_as(held)
        first = torch.where(held, places, held.shape[1]).amin(dim=1)
        edges.append((first, torch.where(held, places + 1, 0).amax(dim=1)))
    (left, right), (top, bottom) = edges
    return torch.stack([left, top, right, bottom], dim=1).float()


def _area(boxes: Tensor) -> Tensor:
    return (boxes[:, 2:] - boxes[:, :2]).clamp(min=0).prod(dim=1)


def _hide(target: Tensor, left_out: Entry, seen: Entry) -> Tensor:
    """Return answers that say nothing where objects are that are left out, and no others."""
    hidden = _covered(left_out, target) & ~_covered(seen, target) & (target[0] > 0)
    return torch.stack([target[0].masked_fill(hidden, IGNORE), target[1]])


def _covered(entry: Entry, target: Tensor) -> Tensor:
    if "masks" in entry:
        return (entry["masks"] > 0).any(dim=0)
    covered = torch.zeros(target.shape[-2:], dtype=torch.bool, device=target.device)
    for left, top, right, bottom in entry["boxes"].round().long().tolist():
        covered[top:bottom, left:right] = True
    return covered

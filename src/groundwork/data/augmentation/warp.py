"""Move the pixels of chips by a matrix each: images, validity and answers of all sources together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from groundwork.data.augmentation.base import Described, Pixels
from groundwork.data.augmentation.kornia_functions import warp_affine
from groundwork.data.augmentation.objects import move_and_cut
from groundwork.specs import ObjectSpec, RasterSpec
from groundwork.targets.kinds import kind_of


def warp(pixels: Pixels, matrices: NDArray[np.float64], described: Described) -> Pixels:
    """Return chips moved by their matrices, in one call for the batch.

    Values are interpolated between the pixels that hold data. Those of sources that are resampled by ``nearest`` are
    taken from the nearest one, as answers and validity are. What comes from outside a chip is not valid and not known.

    Args:
        pixels: The chips.
        matrices: From a place (column, row, 1) of the given chip to that of the new one, (batch, 3, 3).
        described: What is known of the chips.
    """
    is_moved = torch.from_numpy(~_are_still(matrices))
    if not is_moved.any():
        return pixels
    first = next(iter(pixels.values.values()))
    matrix, is_moved = torch.from_numpy(matrices[:, :2]).to(first), is_moved.to(first.device)
    place, inside = _places(matrix, pixels.size)
    valid = {source: _take(part, place) & _fit(inside, part) for source, part in pixels.valid.items()}
    values = {}
    for source, image in pixels.values.items():
        moved = (
            _take(image, place)
            if _is_nearest(described.inputs, source)
            else _interpolate(image, pixels.valid[source], matrix)
        )
        values[source] = torch.where(_fit(valid[source], image), moved, 0.0)
    target = pixels.target
    if pixels.has_answers_of_pixels:
        unknown = kind_of(described.target).nothing_known(target)
        target = torch.where(_fit(inside, target), _take(target, place), unknown)
    # What is not moved stays as it was, to the last bit.
    changed = Pixels(
        {source: torch.where(_fit(is_moved, part), part, pixels.values[source]) for source, part in values.items()},
        {source: torch.where(_fit(is_moved, part), part, pixels.valid[source]) for source, part in valid.items()},
        torch.where(_fit(is_moved, target), target, pixels.target),
        pixels.objects,
    )
    return changed if pixels.objects is None else _move_objects(changed, matrices, place, inside, described)


def _move_objects(
    pixels: Pixels, matrices: NDArray[np.float64], place: Tensor, inside: Tensor, described: Described
) -> Pixels:
    """Return moved chips with their objects, which were not moved yet."""
    spec, targets, found = described.target.objects or ObjectSpec(), list(pixels.target), list(pixels.objects or ())
    # Pixels are counted from the middle of the first one, edges from its corner.
    aside = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])
    edges = aside @ matrices @ np.linalg.inv(aside)
    for number in np.flatnonzero(~_are_still(matrices)).tolist():
        here, within = place[number : number + 1], inside[number]

        def moved(masks: Tensor, here: Tensor = here, within: Tensor = within) -> Tensor:
            return _take(masks[None], here)[0] * within

        found[number], targets[number] = move_and_cut(
            found[number], edges[number], moved, targets[number], spec.min_visible
        )
    return replace(pixels, target=torch.stack(targets), objects=tuple(found))


def _are_still(matrices: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which of the matrices (batch, 3, 3) move nothing."""
    return np.asarray(np.isclose(matrices, np.eye(3), rtol=0, atol=1e-12).all(axis=(1, 2)))


def _is_nearest(inputs: Mapping[str, RasterSpec], source: str) -> bool:
    return inputs[source].resampling == "nearest"


def _places(matrix: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Return for each new pixel the number of the one it is taken from, and whether there is one, (batch, ...)."""
    height, width = size
    # Counted from 1, so that 0 is outside. Rows and columns apart: single precision counts whole numbers up to 2**24.
    rows, columns = torch.meshgrid(torch.arange(1, height + 1), torch.arange(1, width + 1), indexing="ij")
    numbers = torch.stack([rows, columns]).to(matrix).expand(len(matrix), -1, -1, -1)
    found = warp_affine(numbers, matrix, size, mode="nearest", padding_mode="zeros").round().long()
    inside = found[:, 0] > 0
    return (found[:, 0] - 1).clamp(min=0) * width + (found[:, 1] - 1).clamp(min=0), inside


def _take(part: Tensor, place: Tensor) -> Tensor:
    """Return pixels of (batch, ..., height, width) by their numbers (batch, height, width), whatever their type."""
    flat = part.flatten(-2)
    numbers = place.flatten(1).reshape(len(place), *[1] * (flat.ndim - 2), -1)
    return flat.gather(-1, numbers.expand_as(flat)).reshape(part.shape)


def _interpolate(image: Tensor, valid: Tensor, matrix: Tensor) -> Tensor:
    """Return values between those of valid pixels: what holds no data weighs nothing."""
    size = (image.shape[-2], image.shape[-1])
    kept = torch.where(_fit(valid, image), image, 0.0)
    moved = warp_affine(kept.reshape(len(image), -1, *size), matrix, size).reshape(image.shape)
    weights = warp_affine(valid.reshape(len(image), -1, *size).to(image), matrix, size).reshape(valid.shape)
    return moved / _fit(weights, image).clamp(min=1e-6)


def _fit(part: Tensor, like: Tensor) -> Tensor:
    """Return (batch,), or (batch[, steps], height, width), with axes of length 1 where another one has more."""
    if part.ndim == 1:
        return part.reshape(-1, *[1] * (like.ndim - 1))
    while part.ndim < like.ndim:
        part = part.unsqueeze(1)
    return part

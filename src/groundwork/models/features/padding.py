"""Grow images to a multiple of a size, and cut them back."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor
from torch.nn import functional

from groundwork.models.features.sizes import Padding, is_open


def pad_image(image: Tensor, multiple: int, how: Padding) -> Tensor:
    """Grow the last two dimensions to the next multiple, evenly on both sides.

    What is odd goes to the bottom and the right. The image is mirrored as often as it takes: the same values as
    ``numpy.pad`` with ``symmetric`` (edge pixels twice) or ``reflect`` (once), and any size from one pixel works, where
    ``torch.nn.functional.pad`` refuses to add more than the image holds.

    Args:
        image: (..., height, width).
        multiple: In pixels, at least 1.
        how: How it is mirrored; ``none``: the image stays as it is.
    """
    for dim in (-2, -1) if how != "none" else ():
        image = _mirror(image, dim, -image.shape[dim] % multiple, how)
    return image


def pad_to(image: Tensor, size: tuple[int, int], how: Padding = "symmetric") -> Tensor:
    """Grow the last two dimensions to (height, width), which are no smaller, as :func:`pad_image` does."""
    for dim, wanted in ((-2, size[0]), (-1, size[1])):
        image = _mirror(image, dim, wanted - image.shape[dim], how)
    return image


def _mirror(image: Tensor, dim: int, extra: int, how: Padding) -> Tensor:
    if is_open(extra) or extra:
        image = image.index_select(dim, _mirrored_positions(image.shape[dim], extra, how, image.device))
    return image


def crop_center(image: Tensor, size: tuple[int, int]) -> Tensor:
    """Cut the last two dimensions back to (height, width): the inverse of :func:`pad_image`."""
    for dim, length in ((-2, size[0]), (-1, size[1])):
        before = (image.shape[dim] - length) // 2
        if is_open(before):
            # What follows a view asks how it lies in memory, which would settle lengths that are open.
            image = image.index_select(dim, torch.arange(length, device=image.device) + before)
        else:
            image = image.narrow(dim, before, length)
    return image


def pad_with_nothing(mask: Tensor, size: tuple[int, int]) -> Tensor:
    """Grow the last two dimensions to (height, width) by zeros, placed as by :func:`pad_image`."""
    rows, columns = size[0] - mask.shape[-2], size[1] - mask.shape[-1]
    if is_open(rows) or is_open(columns):
        # What pads asks whether there is anything to add.
        grown = pad_to(mask, size)
        return grown * _inside(mask.shape[-2], size[0], mask)[:, None] * _inside(mask.shape[-1], size[1], mask)
    return functional.pad(mask, (columns // 2, columns - columns // 2, rows // 2, rows - rows // 2))


def _mirrored_positions(size: int, extra: int, how: Padding, device: torch.device) -> Tensor:
    """Return, for each position of the grown line, the position of the line it shows."""
    before = extra // 2
    # A mirrored line repeats once it went forwards and backwards; of a reflection the two ends stand once.
    period = cast("int", torch.sym_max(2 * size - 2, 1)) if how == "reflect" else 2 * size
    last = period if how == "reflect" else period - 1
    positions = torch.arange(-before, size + extra - before, device=device) % period
    return torch.where(positions < size, positions, last - positions)


def _inside(length: int, grown: int, like: Tensor) -> Tensor:
    """Return 1 where a line lies within its grown one, 0 where it was grown."""
    positions = torch.arange(grown, device=like.device) - (grown - length) // 2
    return ((positions >= 0) & (positions < length)).to(like.dtype)

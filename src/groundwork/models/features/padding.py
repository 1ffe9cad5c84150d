"""Grow images to a multiple of a size by mirroring, and cut them back."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def pad_symmetric(image: Tensor, multiple: int) -> Tensor:
    """Grow the last two dimensions to the next multiple, evenly on both sides.

    What is odd goes to the bottom and the right. The image is mirrored at its edges, edge pixels included, as often
    as it takes: the same values as ``numpy.pad(mode="symmetric")``, and any size from one pixel works, where
    ``torch.nn.functional.pad`` refuses to add more than the image holds.

    Args:
        image: (..., height, width).
        multiple: In pixels, at least 1.
    """
    for dim in (-2, -1):
        size = image.shape[dim]
        extra = -size % multiple
        # While a model is exported with open sizes these are no plain numbers, and asking would settle the answer.
        if not isinstance(extra, int) or extra:
            image = image.index_select(dim, _mirrored_positions(size, extra, image.device))
    return image


def crop_center(image: Tensor, size: tuple[int, int]) -> Tensor:
    """Cut the last two dimensions back to (height, width): the inverse of :func:`pad_symmetric`."""
    top = (image.shape[-2] - size[0]) // 2
    left = (image.shape[-1] - size[1]) // 2
    return image[..., top : top + size[0], left : left + size[1]]


def pad_with_nothing(mask: Tensor, size: tuple[int, int]) -> Tensor:
    """Grow the last two dimensions to (height, width) by zeros, placed as by :func:`pad_symmetric`."""
    rows, columns = size[0] - mask.shape[-2], size[1] - mask.shape[-1]
    return functional.pad(mask, (columns // 2, columns - columns // 2, rows // 2, rows - rows // 2))


def _mirrored_positions(size: int, extra: int, device: torch.device) -> Tensor:
    """Return, for each position of the grown line, the position of the line it shows."""
    before = extra // 2
    # A mirrored line repeats every 2 * size positions: once forwards, once backwards.
    positions = torch.arange(-before, size + extra - before, device=device) % (2 * size)
    return torch.where(positions < size, positions, 2 * size - 1 - positions)

"""One vector of a map, or one map of several dates, made of the cells that hold data."""

from __future__ import annotations

from functools import reduce
from math import ceil
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional


def share_of_cells(valid: Tensor, stride: float) -> Tensor:
    """Return how much of each cell is made of data, 0 to 1.

    Args:
        valid: 1 where there is data, (batch, any, height, width). Images that were not grown may end within a cell.
        stride: Of the level, in pixels.
    """
    if stride == int(stride):
        return functional.avg_pool2d(valid, int(stride), ceil_mode=True)
    # A pixel on the edge of two cells counts for both.
    height, width = valid.shape[-2:]
    return functional.adaptive_avg_pool2d(valid, (ceil(height / stride), ceil(width / stride)))


def pool_steps(steps: Tensor, share: Tensor | None, how: Literal["mean", "max"]) -> Tensor:
    """Pool over time steps, each place over those that hold data there.

    The mean weighs each step by how much of the cell is made of data; the maximum looks at all steps with any. A cell
    that holds none in any step is pooled over all of them.

    Args:
        steps: (batch, steps, ...).
        share: How much is made of data, 0 to 1, in a shape that fits. None: all of it.
        how: What is taken.

    Returns:
        (batch, ...).
    """
    if share is None:
        return _sum(steps) / steps.shape[1] if how == "mean" else steps.amax(dim=1)
    share = share.to(steps.dtype)
    holds_data = share > 0
    anything = holds_data.any(dim=1)
    if how == "max":
        return steps.where(holds_data, float("-inf")).amax(dim=1).where(anything, steps.amax(dim=1))
    # Selecting first: what a network gives for no data may be no number, and 0 * NaN is NaN.
    total = _sum(steps.where(holds_data, 0.0) * share)
    return (total / _sum(share).clamp(min=1e-6)).where(anything, _sum(steps) / steps.shape[1])


def _sum(steps: Tensor) -> Tensor:
    # One after the other: so it is the same to the last bit, whether a batch comes with masks of ones or without any.
    return reduce(torch.add, steps.unbind(dim=1))


def pool_valid(features: Tensor, share: Tensor | None, how: Literal["mean", "max", "min"]) -> Tensor:
    """Pool a map over the cells that hold data.

    The mean weighs each cell by how much of it is made of data; maximum and minimum look at all cells with any. An
    image without data gives zeros, as nothing is known of it.

    Args:
        features: (batch, channels, height, width).
        share: How much of each cell is made of data, 0 to 1, (batch, 1, height, width). None: all of it.
        how: What is taken.

    Returns:
        (batch, channels).
    """
    if share is None:
        whole = features.flatten(2)
        return whole.mean(dim=2) if how == "mean" else whole.amax(dim=2) if how == "max" else whole.amin(dim=2)
    share = share.to(features.dtype)
    holds_data = share > 0
    if how == "mean":
        # Selecting first: what a network gives for no data may be no number, and 0 * NaN is NaN.
        total = features.where(holds_data, 0.0).mul(share).sum(dim=(2, 3))
        return total / share.sum(dim=(2, 3)).clamp(min=1e-6)
    nothing = float("-inf") if how == "max" else float("inf")
    kept = features.where(holds_data, nothing)
    pooled = kept.amax(dim=(2, 3)) if how == "max" else kept.amin(dim=(2, 3))
    return pooled.where(holds_data.any(dim=-1).any(dim=-1), 0.0)

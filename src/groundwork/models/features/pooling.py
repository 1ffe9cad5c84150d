"""One vector of a map, made of the cells that hold data."""

from __future__ import annotations

from typing import Literal

from torch import Tensor


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

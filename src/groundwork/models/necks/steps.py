"""Time steps that lie behind one another in the channels of a map."""

from __future__ import annotations

from torch import Tensor


def split_steps(features: Tensor, steps: int) -> Tensor:
    """Give (batch, steps, channels, height, width) for a map (batch, steps * channels, height, width)."""
    batch, channels, height, width = features.shape
    return features.reshape(batch, steps, channels // steps, height, width)

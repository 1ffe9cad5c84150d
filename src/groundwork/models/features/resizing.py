"""Bring a map to another size."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional


def resize_to(features: Tensor, size: tuple[int, ...], *, align_corners: bool = False) -> Tensor:
    """Interpolate a map (batch, channels, height, width) bilinearly to another height and width.

    Cells are areas, not points, so a map covers the same ground at every stride; with ``align_corners`` they are
    points, and the first and the last of both maps lie upon each other.
    """
    if features.shape[-2:] == size:
        return features
    return functional.interpolate(features, size=list(size), mode="bilinear", align_corners=align_corners)

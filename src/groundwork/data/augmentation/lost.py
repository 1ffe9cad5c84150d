"""Answers of ground of which a change leaves no data."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from groundwork.data.augmentation.base import Described, Pixels
from groundwork.targets.kinds import kind_of


def hide_lost(before: Pixels, after: Pixels, described: Described) -> Pixels:
    """Return changed chips whose answers are not known where no source holds data any more.

    Chips are read so: nothing is learnt of ground that a model sees nothing of.
    """
    if not after.has_answers_of_pixels:
        return after
    lost = _held(before) & ~_held(after)
    lost = lost.reshape(len(lost), *[1] * (after.target.ndim - 3), *lost.shape[1:])
    unknown = kind_of(described.target).nothing_known(after.target)
    return replace(after, target=torch.where(lost, unknown, after.target))


def _held(pixels: Pixels) -> Tensor:
    """Return where any source holds data at any step, (batch, height, width)."""
    masks = [mask if mask.ndim == 3 else mask.any(dim=1) for mask in pixels.valid.values()]
    return torch.stack(masks).any(dim=0)

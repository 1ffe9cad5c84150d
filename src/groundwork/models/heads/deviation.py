"""How far off each number may be, beside the numbers."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from groundwork.models.features.output_scale import OutputScale
from groundwork.models.features.pooling import pool_valid
from groundwork.models.features.resizing import resize_to
from groundwork.models.heads.base import Decoded, Head
from groundwork.specs import FeatureLevel, FeatureSpec


class NumbersAndDeviations(Head):
    """Gives the numbers of another head, and behind them the deviation of each, in its unit and above 0.

    Args:
        numbers: Gives the numbers.
        features: What the decoder gives.
        num_outputs: How many numbers.
    """

    def __init__(self, numbers: Head, features: FeatureSpec, num_outputs: int) -> None:
        super().__init__()
        self.numbers, level = numbers, features.levels[0]
        # Shadows the class's own: this head gives answers of what the other one does.
        self.per = numbers.per  # type: ignore[misc]
        self.deviations = nn.Conv2d(level.channels, num_outputs, kernel_size=1)
        self.scale = OutputScale(num_outputs)
        self.out = None if numbers.out is None else FeatureLevel(2 * num_outputs, numbers.out.stride)

    def forward(self, decoded: Decoded) -> Tensor:
        """Give (batch, 2 * outputs, ...): numbers, and deviations in their order. See :class:`Head`."""
        numbers: Tensor = self.numbers(decoded)
        if numbers.dim() == 2:
            pooled = pool_valid(decoded.map, decoded.share_valid, "mean")
            raw = self.deviations(pooled[..., None, None]).flatten(1)
        else:
            raw = resize_to(self.deviations(decoded.map), (numbers.shape[-2], numbers.shape[-1]))
        std = self.scale.std.reshape(-1, *(1,) * (raw.dim() - 2))
        # A thousandth of what is usual is as good as none, and keeps what is divided by it finite.
        return torch.cat([numbers, std * (functional.softplus(raw) + 1e-3)], dim=1)

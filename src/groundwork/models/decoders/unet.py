"""From the coarsest level up, joined by each finer one."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from groundwork.models.convolution import ConvBlock
from groundwork.models.decoders.base import Decoder
from groundwork.models.resizing import resize_to
from groundwork.specs import FeatureLevel, FeatureSpec, SpecError


class UNetDecoder(Decoder):
    """The decoder of U-Net (https://arxiv.org/abs/1505.04597); it ends at the stride of the finest level.

    Args:
        features: A pyramid: strides that double, at least two levels.
        channels: Channels of each stage, from the coarsest to the finest; one fewer than levels.

    Raises:
        SpecError: For levels that are no pyramid, or another number of stages than they need.
    """

    def __init__(self, features: FeatureSpec, *, channels: tuple[int, ...] = (256, 128, 64)) -> None:
        super().__init__()
        num_stages = len(features.levels) - 1
        if not features.is_pyramid:
            raise SpecError(
                f"'unet' needs levels whose strides double, got {features}. Put a 'pyramid' neck before it "
                "(or a 'select' neck, where some of the levels do)"
            )
        if num_stages < 1:
            raise SpecError(f"'unet' needs at least 2 levels, got {features}. Let the encoder pass on more levels")
        if len(channels) != num_stages:
            raise SpecError(
                f"'unet' has {num_stages} stages for the {len(features.levels)} levels {features}, but 'channels' "
                f"names {len(channels)}: {list(channels)}. Give {num_stages} numbers, or keep {len(channels) + 1} "
                "levels with a 'select' neck"
            )
        coarse_to_fine = features.levels[::-1]
        self.stages = nn.ModuleList()
        below = coarse_to_fine[0].channels
        for level, width in zip(coarse_to_fine[1:], channels, strict=True):
            self.stages.append(nn.Sequential(ConvBlock(below + level.channels, width), ConvBlock(width, width)))
            below = width
        self.out = FeatureLevel(channels[-1], features.levels[0].stride)

    def forward(self, features: list[Tensor]) -> Tensor:
        """Give one map. See :class:`Decoder`."""
        merged = features[-1]
        for stage, finer in zip(self.stages, features[-2::-1], strict=True):
            merged = stage(torch.cat([resize_to(merged, finer.shape[-2:]), finer], dim=1))
        return merged

"""From the coarsest level up, joined by each finer one."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from groundwork.errors import SpecError
from groundwork.models.decoders.base import Decoder
from groundwork.models.features.convolution import ConvBlock
from groundwork.models.features.needs import Needs, check_fit, count_named
from groundwork.models.features.resizing import resize_to
from groundwork.models.limits import Count
from groundwork.specs import FeatureLevel, FeatureSpec


class UNetDecoder(Decoder):
    """The decoder of U-Net (https://arxiv.org/abs/1505.04597); it ends at the stride of the finest level.

    Args:
        features: A pyramid: strides that double, at least two levels.
        channels: Channels of each stage, from the coarsest to the finest; one fewer than levels. None: 256, halved
            with each stage.

    Raises:
        SpecError: For levels that are no pyramid or of several sources, or another number of stages than they need.
    """

    def __init__(self, features: FeatureSpec, *, channels: tuple[Count, ...] | None = None) -> None:
        super().__init__()
        check_fit("unet", self.needs({}), features)
        num_stages = len(features.levels) - 1
        widths = tuple(max(1, 256 >> stage) for stage in range(num_stages)) if channels is None else channels
        if len(widths) != num_stages:
            raise SpecError(
                f"'unet' has {num_stages} stages for the {len(features.levels)} levels {features}, but 'channels' "
                f"names {len(widths)}: {list(widths)}. Give {num_stages} numbers, or keep {len(widths) + 1} "
                "levels with a 'select' neck (a 'bottleneck' neck adds one)"
            )
        coarse_to_fine = features.levels[::-1]
        self.stages = nn.ModuleList()
        below = coarse_to_fine[0].channels
        for level, width in zip(coarse_to_fine[1:], widths, strict=True):
            self.stages.append(nn.Sequential(ConvBlock(below + level.channels, width), ConvBlock(width, width)))
            below = width
        self.out = FeatureLevel(widths[-1], features.levels[0].stride)

    @classmethod
    def needs(cls, options: Mapping[str, object]) -> Needs:
        """Return what features it takes: one level more than ``channels`` names. See :class:`Decoder`."""
        stages = count_named(options, "channels")
        return Needs(least=stages + 1, most=stages + 1, ratio=2) if stages else Needs(least=2, ratio=2)

    def forward(self, features: list[Tensor]) -> Tensor:
        """Give one map. See :class:`Decoder`."""
        merged = features[-1]
        for stage, finer in zip(self.stages, features[-2::-1], strict=True):
            merged = stage(torch.cat([resize_to(merged, finer.shape[-2:]), finer], dim=1))
        return merged

"""Context of the whole image, then all levels side by side."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from groundwork.models.convolution import ConvBlock
from groundwork.models.decoders.base import Decoder
from groundwork.models.resizing import resize_to
from groundwork.registry import ComponentError
from groundwork.specs import FeatureLevel, FeatureSpec, SpecError


class UPerNetDecoder(Decoder):
    """The decoder of UPerNet (https://arxiv.org/abs/1807.10221); it ends at the stride of the finest level.

    Args:
        features: At least two levels.
        channels: Channels of every convolution.
        pool_scales: Sides of the grids, in cells, to which the coarsest level is averaged for context.

    Raises:
        SpecError: For a single level.
        ComponentError: For a pool scale below 1.
    """

    def __init__(
        self, features: FeatureSpec, *, channels: int = 256, pool_scales: tuple[int, ...] = (1, 2, 3, 6)
    ) -> None:
        super().__init__()
        if len(features.levels) < 2:
            raise SpecError(f"'upernet' needs at least 2 levels, got {features}. Let the encoder pass on more levels")
        if any(scale < 1 for scale in pool_scales):
            raise ComponentError(f"'upernet' needs pool scales of at least 1, got {list(pool_scales)}")
        *finer, coarsest = features.levels
        self.pools = nn.ModuleList(_build_pool(coarsest.channels, channels, scale) for scale in pool_scales)
        self.bottleneck = ConvBlock(coarsest.channels + len(pool_scales) * channels, channels)
        self.laterals = nn.ModuleList(ConvBlock(level.channels, channels, kernel_size=1) for level in finer)
        self.smooths = nn.ModuleList(ConvBlock(channels, channels) for _ in finer)
        self.fuse = ConvBlock(len(features.levels) * channels, channels)
        self.out = FeatureLevel(channels, features.levels[0].stride)

    def forward(self, features: list[Tensor]) -> Tensor:
        """Give one map. See :class:`Decoder`."""
        *finer, coarsest = features
        context = [resize_to(pool(coarsest), coarsest.shape[-2:]) for pool in self.pools]
        merged = self.bottleneck(torch.cat([coarsest, *context], dim=1))
        levels = [merged]
        for lateral, smooth, level in zip(
            reversed(self.laterals), reversed(self.smooths), reversed(finer), strict=True
        ):
            merged = lateral(level) + resize_to(merged, level.shape[-2:])
            levels.append(smooth(merged))
        size = features[0].shape[-2:]
        fused: Tensor = self.fuse(torch.cat([resize_to(level, size) for level in reversed(levels)], dim=1))
        return fused


class AreaPool(nn.Module):
    """Averages a map to a grid of ``side`` by ``side`` cells.

    The same values as ``nn.AdaptiveAvgPool2d``, whose gradient on a GPU differs from one run to the next.
    """

    def __init__(self, side: int) -> None:
        super().__init__()
        self.side = side

    def forward(self, features: Tensor) -> Tensor:
        """Give a map (batch, channels, side, side) for one of any size."""
        for dim in (-2, -1):
            size = features.shape[dim]
            starts = [index * size // self.side for index in range(self.side)]
            # Where the size does not divide, neighbouring cells share a row or a column.
            stops = [-(-(index + 1) * size // self.side) for index in range(self.side)]
            cells = [
                features.narrow(dim, start, stop - start).mean(dim, keepdim=True)
                for start, stop in zip(starts, stops, strict=True)
            ]
            features = torch.cat(cells, dim)
        return features


def _build_pool(in_channels: int, out_channels: int, scale: int) -> nn.Module:
    return nn.Sequential(
        AreaPool(scale),
        nn.Conv2d(in_channels, out_channels, kernel_size=1, bias=False),
        # Not batch norm: a 1x1 map of a single image has one value per channel, whose variance is nothing.
        nn.GroupNorm(1, out_channels),
        nn.ReLU(inplace=True),
    )

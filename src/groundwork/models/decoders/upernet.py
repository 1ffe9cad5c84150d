"""Context of the whole image, then all levels side by side."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from groundwork.errors import ComponentError
from groundwork.models.decoders.area_pool import PoolNorm, build_pool
from groundwork.models.decoders.base import Decoder
from groundwork.models.features.convolution import ConvBlock
from groundwork.models.features.needs import Needs, check_fit
from groundwork.models.features.resizing import resize_to
from groundwork.models.limits import Count
from groundwork.specs import FeatureLevel, FeatureSpec


class UPerNetDecoder(Decoder):
    """The decoder of UPerNet (https://arxiv.org/abs/1807.10221); it ends at the stride of the finest level.

    Args:
        features: At least two levels.
        channels: Channels of every convolution.
        pool_scales: Sides of the grids, in cells, to which the coarsest level is averaged for context.
        pool_norm: What stands behind the convolution of each such grid. group: a norm over all values of an image,
            which trains on batches of a single image too. batch: a batch norm, as published, which does not.
        align_corners: Whether the corner cells of maps of different sizes lie upon each other when one is brought to
            the size of the other, as published; otherwise their edges do.

    Raises:
        SpecError: For a single level, and for levels of several sources.
        ComponentError: For a pool scale below 1.
    """

    def __init__(
        self,
        features: FeatureSpec,
        *,
        channels: Count = 256,
        pool_scales: tuple[int, ...] = (1, 2, 3, 6),
        pool_norm: PoolNorm = "group",
        align_corners: bool = False,
    ) -> None:
        super().__init__()
        check_fit("upernet", self.needs({}), features)
        if any(scale < 1 for scale in pool_scales):
            raise ComponentError(f"'upernet' needs pool scales of at least 1, got {list(pool_scales)}")
        *finer, coarsest = features.levels
        self.align_corners = align_corners
        self.pools = nn.ModuleList(build_pool(coarsest.channels, channels, scale, pool_norm) for scale in pool_scales)
        self.bottleneck = ConvBlock(coarsest.channels + len(pool_scales) * channels, channels)
        self.laterals = nn.ModuleList(ConvBlock(level.channels, channels, kernel_size=1) for level in finer)
        self.smooths = nn.ModuleList(ConvBlock(channels, channels) for _ in finer)
        self.fuse = ConvBlock(len(features.levels) * channels, channels)
        self.out = FeatureLevel(channels, features.levels[0].stride)

    @classmethod
    def needs(cls, options: Mapping[str, object]) -> Needs:  # noqa: ARG003
        """Return what features it takes. See :class:`Decoder`."""
        return Needs(least=2, prefers_pyramid=True)

    def forward(self, features: list[Tensor]) -> Tensor:
        """Give one map. See :class:`Decoder`."""
        *finer, coarsest = features
        context = [self._resize(pool(coarsest), coarsest) for pool in self.pools]
        merged = self.bottleneck(torch.cat([coarsest, *context], dim=1))
        levels = [merged]
        for lateral, smooth, level in zip(
            reversed(self.laterals), reversed(self.smooths), reversed(finer), strict=True
        ):
            merged = lateral(level) + self._resize(merged, level)
            levels.append(smooth(merged))
        fused: Tensor = self.fuse(torch.cat([self._resize(level, features[0]) for level in reversed(levels)], dim=1))
        return fused

    def _resize(self, features: Tensor, like: Tensor) -> Tensor:
        return resize_to(features, like.shape[-2:], align_corners=self.align_corners)

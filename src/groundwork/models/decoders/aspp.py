"""One level, seen at several distances at once."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from groundwork.errors import ComponentError
from groundwork.models.decoders.area_pool import build_pool
from groundwork.models.decoders.base import Decoder
from groundwork.models.decoders.one_level import pick_level
from groundwork.models.features.convolution import ConvBlock
from groundwork.models.features.resizing import resize_to
from groundwork.models.limits import Chance, Count
from groundwork.specs import FeatureLevel, FeatureSpec


class ASPPDecoder(Decoder):
    """Atrous spatial pyramid pooling, as in DeepLabV3 (https://arxiv.org/abs/1706.05587); it keeps the stride.

    A 1x1 convolution, a 3x3 convolution for each dilation and the mean of the whole image, side by side, and a 1x1
    convolution that merges them.

    Args:
        features: What the encoder, or the last neck, gives.
        channels: Channels of every convolution.
        dilations: Distances between the cells that each 3x3 convolution sees, in cells.
        level: Which level to use; -1 is the coarsest.
        dropout: Chance, 0 to 1, that a value of the merged map is set to zero while training.

    Raises:
        SpecError: For a level that does not exist, and for levels of several sources.
        ComponentError: For no dilation, or one below 1.
    """

    def __init__(
        self,
        features: FeatureSpec,
        *,
        channels: Count = 256,
        dilations: tuple[int, ...] = (6, 12, 18),
        level: int = -1,
        dropout: Chance = 0.1,
    ) -> None:
        super().__init__()
        chosen = pick_level("aspp", features, level)
        if not dilations or min(dilations) < 1:
            raise ComponentError(f"'aspp' needs dilations of at least 1, got {list(dilations)}")
        self.level = level
        # torchvision's module has a batch norm behind the mean of the image, which cannot train on a single image.
        self.image = build_pool(chosen.channels, channels, side=1)
        self.cell = ConvBlock(chosen.channels, channels, kernel_size=1)
        self.rings = nn.ModuleList(_build_ring(chosen.channels, channels, dilation) for dilation in dilations)
        self.merge = ConvBlock((len(dilations) + 2) * channels, channels, kernel_size=1)
        self.dropout = nn.Dropout(dropout)
        self.out = FeatureLevel(channels, chosen.stride)

    def forward(self, features: list[Tensor]) -> Tensor:
        """Give one map. See :class:`Decoder`."""
        level = features[self.level]
        context = resize_to(self.image(level), level.shape[-2:])
        seen = torch.cat([self.cell(level), *(ring(level) for ring in self.rings), context], dim=1)
        merged: Tensor = self.dropout(self.merge(seen))
        return merged


def _build_ring(in_channels: int, out_channels: int, dilation: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, kernel_size=3, padding=dilation, dilation=dilation, bias=False),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(inplace=True),
    )

"""All levels side by side, each cell for itself."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from groundwork.models.decoders.base import Decoder
from groundwork.models.features.convolution import ConvBlock
from groundwork.models.features.needs import Needs, check_fit
from groundwork.models.features.resizing import resize_to
from groundwork.models.limits import Chance, Count
from groundwork.specs import FeatureLevel, FeatureSpec


class SegFormerMLPDecoder(Decoder):
    """The all-MLP decoder of SegFormer (https://arxiv.org/abs/2105.15203); it ends at the stride of the finest level.

    Args:
        features: At least two levels.
        channels: Channels of each level behind its linear layer, and of the merged map.
        dropout: Chance, 0 to 1, that a whole channel of the merged map is set to zero while training.

    Raises:
        SpecError: For a single level, and for levels of several sources.
    """

    def __init__(self, features: FeatureSpec, *, channels: Count = 256, dropout: Chance = 0.1) -> None:
        super().__init__()
        check_fit("segformer_mlp", self.needs({}), features)
        self.linears = nn.ModuleList(nn.Conv2d(level.channels, channels, kernel_size=1) for level in features.levels)
        self.fuse = ConvBlock(len(features.levels) * channels, channels, kernel_size=1)
        self.dropout = nn.Dropout2d(dropout)
        self.out = FeatureLevel(channels, features.levels[0].stride)

    @classmethod
    def needs(cls, options: Mapping[str, object]) -> Needs:  # noqa: ARG003
        """Return what features it takes. See :class:`Decoder`."""
        return Needs(least=2, prefers_pyramid=True)

    def forward(self, features: list[Tensor]) -> Tensor:
        """Give one map. See :class:`Decoder`."""
        size = features[0].shape[-2:]
        levels = [resize_to(linear(level), size) for linear, level in zip(self.linears, features, strict=True)]
        merged: Tensor = self.dropout(self.fuse(torch.cat(levels, dim=1)))
        return merged

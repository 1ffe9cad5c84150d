"""Convolutions on one level."""

from __future__ import annotations

from torch import Tensor, nn

from groundwork.models.convolution import ConvBlock
from groundwork.models.decoders.base import Decoder
from groundwork.registry import ComponentError
from groundwork.specs import FeatureLevel, FeatureSpec, SpecError


class FCNDecoder(Decoder):
    """The decoder of fully convolutional networks (https://arxiv.org/abs/1411.4038); it keeps the level's stride.

    Args:
        features: What the encoder, or the last neck, gives.
        channels: Channels of every convolution.
        num_convs: Number of 3x3 convolutions, at least 1.
        level: Which level to use; -1 is the coarsest.

    Raises:
        SpecError: For a level that does not exist.
        ComponentError: For no convolution.
    """

    def __init__(self, features: FeatureSpec, *, channels: int = 64, num_convs: int = 2, level: int = -1) -> None:
        super().__init__()
        num_levels = len(features.levels)
        if not -num_levels <= level < num_levels:
            raise SpecError(f"'fcn' has no level {level}: it is given {features}")
        if num_convs < 1:
            raise ComponentError(f"'fcn' needs at least 1 convolution, got num_convs={num_convs}")
        self.level = level
        chosen = features.levels[level]
        in_channels = [chosen.channels, *[channels] * (num_convs - 1)]
        self.convs = nn.Sequential(*(ConvBlock(before, channels) for before in in_channels))
        self.out = FeatureLevel(channels, chosen.stride)

    def forward(self, features: list[Tensor]) -> Tensor:
        """Give one map. See :class:`Decoder`."""
        merged: Tensor = self.convs(features[self.level])
        return merged

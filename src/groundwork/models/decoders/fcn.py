"""Convolutions on one level."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from groundwork.errors import ComponentError
from groundwork.models.decoders.base import Decoder
from groundwork.models.decoders.one_level import divide_stride, pick_level
from groundwork.models.features.convolution import ChannelNorm, ConvBlock
from groundwork.models.limits import Count
from groundwork.specs import FeatureLevel, FeatureSpec


class FCNDecoder(Decoder):
    """The decoder of fully convolutional networks (https://arxiv.org/abs/1411.4038).

    Keeps the level's stride, unless it is told to double the resolution by learned up-sampling.

    Args:
        features: What the encoder, or the last neck, gives.
        channels: Channels of every convolution.
        num_convs: Number of 3x3 convolutions, at least 1.
        level: Which level to use; -1 is the coarsest.
        num_upsamplings: How many of the convolutions, from the first, have a transposed 2x2 convolution before them
            that doubles the resolution. Four bring a level of stride 16 to full resolution.
        norm: What stands behind each 3x3 convolution. batch: a batch norm and a ReLU. layer: a layer norm over channels
            and a GELU, as in the up-sampling of ViTDet (https://arxiv.org/abs/2203.16527).

    Raises:
        SpecError: For a level that does not exist, and for levels of several sources.
        ComponentError: For no convolution, more upsamplings than convolutions, or than the stride has halves.
    """

    def __init__(
        self,
        features: FeatureSpec,
        *,
        channels: Count = 64,
        num_convs: int = 2,
        level: int = -1,
        num_upsamplings: int = 0,
        norm: Literal["batch", "layer"] = "batch",
    ) -> None:
        super().__init__()
        chosen = pick_level("fcn", features, level)
        if num_convs < 1:
            raise ComponentError(f"'fcn' needs at least 1 convolution, got num_convs={num_convs}")
        if not 0 <= num_upsamplings <= num_convs:
            raise ComponentError(
                f"'fcn' needs a convolution for each upsampling, got num_upsamplings={num_upsamplings} with "
                f"num_convs={num_convs}. Give at least as many convolutions"
            )
        self.level = level
        in_channels = [chosen.channels, *[channels] * (num_convs - 1)]
        self.convs = nn.Sequential(
            *(
                _build_stage(before, channels, doubles=index < num_upsamplings, norm=norm)
                for index, before in enumerate(in_channels)
            )
        )
        self.out = FeatureLevel(channels, divide_stride("fcn", "num_upsamplings", chosen.stride, 2**num_upsamplings))

    def forward(self, features: list[Tensor]) -> Tensor:
        """Give one map. See :class:`Decoder`."""
        merged: Tensor = self.convs(features[self.level])
        return merged


def _build_stage(in_channels: int, out_channels: int, *, doubles: bool, norm: str) -> nn.Module:
    if not doubles:
        return _build_block(in_channels, out_channels, norm)
    up = nn.ConvTranspose2d(in_channels, out_channels, kernel_size=2, stride=2)
    return nn.Sequential(up, _build_block(out_channels, out_channels, norm))


def _build_block(in_channels: int, out_channels: int, norm: str) -> nn.Module:
    if norm == "batch":
        return ConvBlock(in_channels, out_channels)
    conv = nn.Conv2d(in_channels, out_channels, kernel_size=3, padding=1)
    return nn.Sequential(conv, ChannelNorm(out_channels), nn.GELU())

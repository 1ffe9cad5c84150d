"""One linear step from a cell to its pixels."""

from __future__ import annotations

from torch import Tensor, nn

from groundwork.models.decoders.base import Decoder
from groundwork.models.decoders.one_level import divide_stride, pick_level
from groundwork.models.limits import Count
from groundwork.specs import FeatureLevel, FeatureSpec


class LinearDecoder(Decoder):
    """Computes every pixel from its cell alone, by one transposed convolution: with the head, a linear probe.

    Args:
        features: What the encoder, or the last neck, gives.
        channels: Channels of the map.
        level: Which level to use; -1 is the coarsest.
        upsampling: How many times finer the map becomes; a divisor of the level's stride. None: full resolution.

    Raises:
        SpecError: For a level that does not exist, and for levels of several sources.
        ComponentError: For an upsampling that does not divide the stride.
    """

    def __init__(
        self, features: FeatureSpec, *, channels: Count = 64, level: int = -1, upsampling: int | None = None
    ) -> None:
        super().__init__()
        chosen = pick_level("linear", features, level)
        factor = int(chosen.stride) if upsampling is None else upsampling
        self.level = level
        self.out = FeatureLevel(channels, divide_stride("linear", "upsampling", chosen.stride, factor))
        self.upsample = nn.ConvTranspose2d(chosen.channels, channels, kernel_size=factor, stride=factor)

    def forward(self, features: list[Tensor]) -> Tensor:
        """Give one map. See :class:`Decoder`."""
        merged: Tensor = self.upsample(features[self.level])
        return merged

"""A network that gives feature maps of itself, as an encoder."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from groundwork.batch import Image
from groundwork.models.encoders.one_source import OneSourceEncoder
from groundwork.models.encoders.parts.dates import stack_dates
from groundwork.specs import FeatureLevel, FeatureSpec, RasterSpec


class FeatureNetwork(OneSourceEncoder):
    """Calls a network that takes (batch, channels, height, width) and gives a list of maps.

    Args:
        inputs: What the rasters hold.
        network: What is called. Several dates reach it as channels, those of the first date first.
        levels: What it gives.
        channels_last: Whether its maps come as (batch, height, width, channels).
    """

    def __init__(
        self,
        inputs: Mapping[str, RasterSpec],
        network: nn.Module,
        levels: tuple[FeatureLevel, ...],
        channels_last: bool = False,
    ) -> None:
        super().__init__(inputs)
        self.network = network
        self.out = FeatureSpec(levels)
        self.size_multiple = int(max(level.stride for level in levels))
        self._is_channels_last = channels_last

    def encode(self, image: Image) -> list[Tensor]:
        """Give one map per level. See :class:`Encoder`."""
        maps: list[Tensor] = self.network(stack_dates(image.values))
        return [features.permute(0, 3, 1, 2) for features in maps] if self._is_channels_last else maps

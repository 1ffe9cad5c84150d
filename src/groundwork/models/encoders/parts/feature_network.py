"""A network that gives feature maps of itself, as an encoder."""

from __future__ import annotations

from torch import Tensor, nn

from groundwork.models.encoders.base import Encoder
from groundwork.models.encoders.parts.dates import stack_dates
from groundwork.specs import FeatureLevel, FeatureSpec


class FeatureNetwork(Encoder):
    """Calls a network that takes (batch, channels, height, width) and gives a list of maps.

    Args:
        network: What is called. Several dates reach it as channels, those of the first date first.
        levels: What it gives.
        channels_last: Whether its maps come as (batch, height, width, channels).
    """

    def __init__(self, network: nn.Module, levels: tuple[FeatureLevel, ...], channels_last: bool = False) -> None:
        super().__init__()
        self.network = network
        self.out = FeatureSpec(levels)
        self.size_multiple = max(level.stride for level in levels)
        self._is_channels_last = channels_last

    def forward(
        self,
        image: Tensor,
        temporal_coords: Tensor | None = None,  # noqa: ARG002 - the interface of all encoders
        location_coords: Tensor | None = None,  # noqa: ARG002
    ) -> list[Tensor]:
        """Give one map per level. See :class:`Encoder`."""
        maps: list[Tensor] = self.network(stack_dates(image))
        return [features.permute(0, 3, 1, 2) for features in maps] if self._is_channels_last else maps

"""Add a coarser level."""

from __future__ import annotations

from torch import Tensor, nn

from groundwork.errors import ComponentError
from groundwork.models.features.convolution import ConvBlock
from groundwork.models.features.needs import Needs, check_fit
from groundwork.models.necks.base import Neck
from groundwork.specs import FeatureLevel, FeatureSpec


class BottleneckNeck(Neck):
    """Appends one level of twice the coarsest stride: its maximum over 2 by 2 cells, then a 1x1 convolution.

    Args:
        features: Any levels of one source.
        channels: Channels of the new level. None: half of the coarsest level's.

    Raises:
        SpecError: For levels of several sources.
        ComponentError: For less than one channel.
    """

    def __init__(self, features: FeatureSpec, *, channels: int | None = None) -> None:
        super().__init__()
        check_fit("bottleneck", Needs(), features)
        coarsest = features.levels[-1]
        width = max(1, coarsest.channels // 2) if channels is None else channels
        if width < 1:
            raise ComponentError(f"'bottleneck' needs at least 1 channel, got channels={channels}")
        self.pool = nn.MaxPool2d(2)
        self.conv = ConvBlock(coarsest.channels, width, kernel_size=1)
        self.out = FeatureSpec((*features.levels, FeatureLevel(width, 2 * coarsest.stride)))

    def forward(self, features: list[Tensor]) -> list[Tensor]:
        """Give the maps as they came, and the new one behind them. See :class:`Neck`."""
        return [*features, self.conv(self.pool(features[-1]))]

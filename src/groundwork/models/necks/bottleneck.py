"""Add a coarser level."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from groundwork.errors import ComponentError
from groundwork.models.features.convolution import ConvBlock
from groundwork.models.features.needs import Needs, check_fit
from groundwork.models.necks.base import Neck
from groundwork.specs import FeatureLevel, FeatureSpec


class BottleneckNeck(Neck):
    """Appends one level: by default the maximum of the coarsest one over 2 by 2 cells, then a 1x1 convolution.

    Args:
        features: Any levels of one source.
        channels: Channels of the new level. None: half of the coarsest level's.
        halves: Whether the new level has half the resolution of the coarsest one, or as much.
        norm: What stands behind the convolution. batch: a batch norm and a ReLU. none: nothing.

    Raises:
        SpecError: For levels of several sources.
        ComponentError: For less than one channel.
    """

    def __init__(
        self,
        features: FeatureSpec,
        *,
        channels: int | None = None,
        halves: bool = True,
        norm: Literal["batch", "none"] = "batch",
    ) -> None:
        super().__init__()
        check_fit("bottleneck", Needs(), features)
        coarsest = features.levels[-1]
        width = max(1, coarsest.channels // 2) if channels is None else channels
        if width < 1:
            raise ComponentError(f"'bottleneck' needs at least 1 channel, got channels={channels}")
        self.pool = nn.MaxPool2d(2) if halves else nn.Identity()
        plain = norm == "none"
        self.conv = nn.Conv2d(coarsest.channels, width, 1) if plain else ConvBlock(coarsest.channels, width, 1)
        self.out = FeatureSpec((*features.levels, FeatureLevel(width, (2 if halves else 1) * coarsest.stride)))

    def forward(self, features: list[Tensor]) -> list[Tensor]:
        """Give the maps as they came, and the new one behind them. See :class:`Neck`."""
        return [*features, self.conv(self.pool(features[-1]))]

"""Bring levels to another number of channels."""

from __future__ import annotations

from torch import Tensor, nn

from groundwork.errors import ComponentError
from groundwork.models.necks.base import Neck
from groundwork.specs import FeatureLevel, FeatureSpec


class ProjectNeck(Neck):
    """Gives every level another number of channels by a 1x1 convolution; time steps are merged in it.

    Args:
        features: Any levels, of one source or of several.
        channels: Channels of each level passed on: one number for all, or one per level.

    Raises:
        ComponentError: For another number of channels than levels, or less than one channel.
    """

    def __init__(self, features: FeatureSpec, *, channels: int | tuple[int, ...] = 256) -> None:
        super().__init__()
        count = len(features.levels)
        widths = (channels,) * count if isinstance(channels, int) else channels
        if len(widths) != count or min(widths) < 1:
            raise ComponentError(
                f"'project' needs one number of channels, at least 1, for each of the {count} levels {features}, or "
                f"one for all; got {channels if isinstance(channels, int) else list(channels)}"
            )
        self.convs = nn.ModuleList(
            nn.Conv2d(level.channels, width, kernel_size=1)
            for level, width in zip(features.levels, widths, strict=True)
        )
        self.out = FeatureSpec(
            tuple(
                FeatureLevel(width, level.stride, source=level.source)
                for level, width in zip(features.levels, widths, strict=True)
            )
        )

    def forward(self, features: list[Tensor]) -> list[Tensor]:
        """Give one map per level. See :class:`Neck`."""
        return [conv(feature) for conv, feature in zip(self.convs, features, strict=True)]

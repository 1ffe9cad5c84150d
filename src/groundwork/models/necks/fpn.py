"""Carry what the coarse levels know to the finer ones."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor
from torchvision.ops import FeaturePyramidNetwork
from torchvision.ops.feature_pyramid_network import LastLevelMaxPool

from groundwork.errors import ComponentError, SpecError
from groundwork.models.features.needs import Needs, check_fit
from groundwork.models.necks.base import Neck
from groundwork.specs import FeatureLevel, FeatureSpec


class FPNNeck(Neck):
    """The feature pyramid network (https://arxiv.org/abs/1612.03144): every level gets the same number of channels.

    Args:
        features: At least two levels, each coarser than the one before.
        channels: Channels of every level passed on.
        extra_level: Append a level of twice the coarsest stride: every second cell of the coarsest level.

    Raises:
        SpecError: For a single level, levels of one stride, or levels of several sources.
        ComponentError: For less than one channel.
    """

    def __init__(self, features: FeatureSpec, *, channels: int = 256, extra_level: bool = False) -> None:
        super().__init__()
        check_fit("fpn", Needs(least=2), features)
        if any(fine.stride >= coarse.stride for fine, coarse in pairwise(features.levels)):
            raise SpecError(
                f"'fpn' needs levels that grow coarser, got {features}. Put a 'pyramid' neck before it "
                "(or a 'select' neck, where some of the levels do)"
            )
        if channels < 1:
            raise ComponentError(f"'fpn' needs at least 1 channel, got channels={channels}")
        self.network = FeaturePyramidNetwork(
            [level.channels for level in features.levels],
            channels,
            extra_blocks=LastLevelMaxPool() if extra_level else None,
        )
        strides = [level.stride for level in features.levels]
        strides += [2 * strides[-1]] * extra_level
        self.out = FeatureSpec(tuple(FeatureLevel(channels, stride) for stride in strides))

    def forward(self, features: list[Tensor]) -> list[Tensor]:
        """Give one map per level of ``out``. See :class:`Neck`."""
        named = {str(index): feature for index, feature in enumerate(features)}
        return list(self.network(named).values())

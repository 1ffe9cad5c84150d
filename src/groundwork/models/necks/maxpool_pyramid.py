"""Make a pyramid downwards of levels that all have one stride, without anything to train."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor, nn

from groundwork.models.features.needs import Needs, check_fit
from groundwork.models.features.strides import pyramid_strides
from groundwork.models.necks.base import Neck
from groundwork.specs import FeatureSpec


class MaxPoolPyramidNeck(Neck):
    """Keeps the first level of a vision transformer and makes each later one coarser, by the maximum of its cells.

    Four levels of stride 16 become strides 16, 32, 64 and 128, so images are padded to a multiple of 128 pixels.
    Channels stay as they are, time steps too.

    Args:
        features: Two to five levels of one stride.

    Raises:
        SpecError: For another number of levels, and for levels of several strides or sources.
    """

    def __init__(self, features: FeatureSpec) -> None:
        super().__init__()
        check_fit("maxpool_pyramid", Needs(), features)
        strides = pyramid_strides("maxpool_pyramid", features, features.levels[0].stride)
        self.pools = nn.ModuleList(nn.MaxPool2d(1 << index) for index in range(len(strides)))
        self.out = FeatureSpec(
            tuple(replace(level, stride=stride) for level, stride in zip(features.levels, strides, strict=True))
        )

    def forward(self, features: list[Tensor]) -> list[Tensor]:
        """Give one map per level, each with twice the stride of the one before. See :class:`Neck`."""
        return [pool(feature) for pool, feature in zip(self.pools, features, strict=True)]

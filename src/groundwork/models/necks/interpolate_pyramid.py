"""Make a pyramid of levels that all have one stride, without anything to train."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from torch import Tensor
from torch.nn import functional

from groundwork.models.features.needs import Needs, check_fit
from groundwork.models.features.strides import pyramid_strides
from groundwork.models.necks.base import Neck
from groundwork.specs import FeatureSpec


class InterpolatePyramidNeck(Neck):
    """Brings the levels of a vision transformer to strides that double: finer by interpolation, coarser by averaging.

    Four levels of stride 16 become strides 4, 8, 16 and 32. Channels stay as they are, time steps too.

    Args:
        features: Two to five levels of one stride.
        mode: How finer maps are made: the nearest cell's value, or bilinear between cells.
        finest_stride: Stride of the first level passed on, in pixels, such as 3.5 of patches of 14. None: a quarter of
            the stride that comes in, or as near to it as whole numbers allow.

    Raises:
        SpecError: For another number of levels, for levels of several strides or sources, and for a finest stride
            that cannot be reached by doubling.
    """

    def __init__(
        self,
        features: FeatureSpec,
        *,
        mode: Literal["nearest", "bilinear"] = "nearest",
        finest_stride: float | None = None,
    ) -> None:
        super().__init__()
        check_fit("interpolate_pyramid", Needs(), features)
        strides = pyramid_strides("interpolate_pyramid", features, finest_stride)
        self.mode = mode
        self.steps = tuple((level.stride, stride) for level, stride in zip(features.levels, strides, strict=True))
        self.out = FeatureSpec(
            tuple(replace(level, stride=stride) for level, stride in zip(features.levels, strides, strict=True))
        )

    def forward(self, features: list[Tensor]) -> list[Tensor]:
        """Give one map per level, each with twice the stride of the one before. See :class:`Neck`."""
        return [self._scale(feature, *step) for feature, step in zip(features, self.steps, strict=True)]

    def _scale(self, feature: Tensor, stride: float, wanted: float) -> Tensor:
        if wanted > stride:
            return functional.avg_pool2d(feature, int(wanted / stride))
        if wanted == stride:
            return feature
        ratio = int(stride / wanted)
        size = [feature.shape[-2] * ratio, feature.shape[-1] * ratio]
        corners = False if self.mode == "bilinear" else None
        return functional.interpolate(feature, size=size, mode=self.mode, align_corners=corners)

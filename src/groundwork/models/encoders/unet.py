"""The contracting path of U-Net."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from groundwork.batch import Image
from groundwork.errors import SpecError
from groundwork.models.encoders.one_source import OneSourceEncoder
from groundwork.models.encoders.parts.dates import drop_time, require_one_date
from groundwork.models.features.convolution import ConvBlock
from groundwork.specs import FeatureLevel, FeatureSpec, RasterSpec


class UNetEncoder(OneSourceEncoder):
    """The contracting path of U-Net (https://arxiv.org/abs/1505.04597): its finest level has full resolution.

    Args:
        inputs: What the rasters hold.
        channels: Channels of each level, from the finest; each level halves the resolution of the one before.

    Raises:
        SpecError: For several dates, or no level.
    """

    def __init__(self, inputs: Mapping[str, RasterSpec], *, channels: tuple[int, ...] = (16, 32, 64, 128, 256)) -> None:
        super().__init__(inputs)
        raster = self.raster
        require_one_date("unet", raster)
        if not channels:
            raise SpecError("'unet' needs at least one level in 'channels'.")
        widths = (raster.num_channels, *channels)
        self.stages = nn.ModuleList(
            nn.Sequential(
                nn.MaxPool2d(2) if level else nn.Identity(),
                ConvBlock(widths[level], width),
                ConvBlock(width, width),
            )
            for level, width in enumerate(channels)
        )
        self.out = FeatureSpec(tuple(FeatureLevel(width, 2**level) for level, width in enumerate(channels)))
        self.size_multiple = 2 ** (len(channels) - 1)

    def encode(self, image: Image) -> list[Tensor]:
        """Give one map per level. See :class:`Encoder`."""
        features = [self.stages[0](drop_time(image.values))]
        for stage in self.stages[1:]:
            features.append(stage(features[-1]))
        return features

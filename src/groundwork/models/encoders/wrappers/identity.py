"""Embeddings as input: there is nothing left to encode."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from groundwork.batch import Image
from groundwork.models.encoders.one_source import OneSourceEncoder
from groundwork.models.encoders.parts.dates import stack_dates
from groundwork.specs import FeatureLevel, FeatureSpec, RasterSpec


class IdentityEncoder(OneSourceEncoder):
    """Passes the bands on as one level of full resolution, for rasters that hold embeddings.

    Args:
        inputs: What the rasters hold; several dates lie behind one another in the channels.
    """

    def __init__(self, inputs: Mapping[str, RasterSpec]) -> None:
        super().__init__(inputs)
        raster = self.raster
        self.out = FeatureSpec((FeatureLevel(raster.num_channels * raster.steps, stride=1, steps=raster.steps),))
        self.size_multiple = 1

    def encode(self, image: Image) -> list[Tensor]:
        """Give the image. See :class:`Encoder`."""
        return [stack_dates(image.values)]

"""Embeddings as input: there is nothing left to encode."""

from __future__ import annotations

from torch import Tensor

from groundwork.models.encoders.base import Encoder
from groundwork.models.encoders.parts.dates import stack_dates
from groundwork.specs import FeatureLevel, FeatureSpec, RasterSpec


class IdentityEncoder(Encoder):
    """Passes the bands on as one level of full resolution, for rasters that hold embeddings.

    Args:
        inputs: What the rasters hold; several dates lie behind one another in the channels.
    """

    def __init__(self, inputs: RasterSpec) -> None:
        super().__init__()
        self.out = FeatureSpec((FeatureLevel(inputs.num_channels * inputs.steps, stride=1, steps=inputs.steps),))
        self.size_multiple = 1

    def forward(
        self,
        image: Tensor,
        temporal_coords: Tensor | None = None,  # noqa: ARG002 - the interface of all encoders
        location_coords: Tensor | None = None,  # noqa: ARG002
    ) -> list[Tensor]:
        """Give the image. See :class:`Encoder`."""
        return [stack_dates(image)]

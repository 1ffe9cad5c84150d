"""What every encoder is: raster values in, feature maps out."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn

from groundwork.models.weights.info import EncoderInfo
from groundwork.models.weights.reading import LoadReport
from groundwork.specs import FeatureSpec


class Encoder(nn.Module, ABC):
    """Turns an image into feature maps. Constructors take ``(inputs: RasterSpec, *, options)``.

    Encoders return grids: a ViT un-flattens its own tokens, and folds its own time steps.
    """

    #: What ``forward`` gives.
    out: FeatureSpec
    #: Height and width of the input must be multiples of this.
    size_multiple: int
    #: Which of "time" and "location" the encoder must be given.
    coordinates: frozenset[str] = frozenset()
    #: Whether weights of half precision are of no use to it, as it computes with wavelengths or places.
    single_precision: bool = False
    #: The only height and width that the network takes; smaller images are padded. None: it takes other sizes too.
    only_size: int | None = None
    #: What the published weights of this network expect. None: there are none, or they say nothing.
    info: EncoderInfo | None = None
    #: What became of the published weights. None: the encoder starts from fresh weights.
    loaded: LoadReport | None = None

    @abstractmethod
    def forward(
        self, image: Tensor, temporal_coords: Tensor | None = None, location_coords: Tensor | None = None
    ) -> list[Tensor]:
        """Give one map (batch, channels, height / stride, width / stride) per level of ``out``.

        Where ``out.vector`` is set, a global vector (batch, out.vector) comes behind the maps.

        Args:
            image: Standardised values, (batch, channels, height, width), or (batch, channels, steps, height, width).
            temporal_coords: (batch, steps, 2): year, and day of the year from 0.
            location_coords: (batch, 2): latitude and longitude in degrees.
        """

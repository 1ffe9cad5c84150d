"""What every encoder is: images in, feature maps out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

from torch import Tensor, nn

from groundwork.batch import Images
from groundwork.models.weights.info import EncoderInfo
from groundwork.models.weights.reading import LoadReport
from groundwork.specs import FeatureSpec


class Encoder(nn.Module, ABC):
    """Turns images into feature maps. Constructors take ``(inputs: Mapping[str, RasterSpec], *, options)``.

    Encoders return grids: a ViT un-flattens its own tokens, and folds its own time steps.
    """

    #: What ``forward`` gives. Levels that were made from one of several sources bear its name.
    out: FeatureSpec
    #: Height and width of the images must be multiples of this.
    size_multiple: int
    #: Which of "time" and "location" the encoder must be given.
    coordinates: frozenset[str] = frozenset()
    #: Whether weights of half precision are of no use to it, as it computes with wavelengths or places.
    single_precision: bool = False
    #: The only height and width that the network takes; smaller images are padded. None: it takes other sizes too.
    only_size: int | None = None
    #: Source -> what the published weights of the network that sees it expect. Absent: there are none, or they say
    #: nothing.
    info: Mapping[str, EncoderInfo] = {}
    #: Source -> what became of the published weights of the network that sees it. Absent: it starts from fresh ones.
    loaded: Mapping[str, LoadReport] = {}

    @abstractmethod
    def forward(self, images: Images) -> list[Tensor]:
        """Give one map (batch, channels, height / stride, width / stride) per level of ``out``.

        Where ``out.vector`` is set, a global vector (batch, out.vector) comes behind the maps.

        Args:
            images: Standardised values of each source.
        """

"""What every encoder is: images in, feature maps out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

from torch import Tensor, nn

from groundwork.batch import Image, Images
from groundwork.errors import SpecError
from groundwork.models.weights.bands import describe_file
from groundwork.models.weights.info import EncoderInfo
from groundwork.models.weights.reading import LoadReport
from groundwork.specs import FeatureSpec, RasterSpec


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


class OneSourceEncoder(Encoder):
    """An encoder that sees one source. Sources that are alike can share one."""

    def __init__(self, inputs: Mapping[str, RasterSpec]) -> None:
        """Keep the one source's name as ``source``, and what its rasters hold as ``raster``.

        Raises:
            SpecError: For several sources.
        """
        super().__init__()
        if len(inputs) != 1:
            raise SpecError(
                f"{type(self).__name__} sees one source, and was given {sorted(inputs)}. Give each source its own "
                "encoder in 'encoders', or take an encoder that sees several sources"
            )
        self.source, self.raster = next(iter(inputs.items()))

    def publish(self, info: EncoderInfo | None, loaded: LoadReport | None = None) -> None:
        """Say what the published weights expect, and what became of them.

        Args:
            info: Of the published file. None: there is none.
            loaded: Of the file that was loaded, which may have been trained on other bands. None: none was.
        """
        info = info if loaded is None else describe_file(info, loaded)
        self.info = {} if info is None else {self.source: info}
        self.loaded = {} if loaded is None else {self.source: loaded}

    def forward(self, images: Images) -> list[Tensor]:
        """Give one map per level. See :class:`Encoder`."""
        return self.encode(images.of(self.source))

    @abstractmethod
    def encode(self, image: Image) -> list[Tensor]:
        """Give what :meth:`forward` gives, for the images of the one source."""

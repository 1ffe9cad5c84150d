"""What every encoder of one source is."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping

from torch import Tensor

from groundwork.batch import Image, Images
from groundwork.errors import SpecError
from groundwork.models.encoders.base import Encoder
from groundwork.models.weights.bands import describe_file
from groundwork.models.weights.info import EncoderInfo
from groundwork.models.weights.reading import LoadReport
from groundwork.specs import RasterSpec


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

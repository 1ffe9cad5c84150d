"""Encoders that see several sources at once."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import lcm
from typing import cast

from torch import Tensor, nn

from groundwork.models.encoders.base import Encoder
from groundwork.models.encoders.info import EncoderInfo
from groundwork.models.encoders.loading import LoadReport
from groundwork.specs import FeatureSpec, SpecError


class JointEncoder(nn.Module, ABC):
    """Turns the images of several sources into feature maps.

    Constructors take ``(inputs: Mapping[str, RasterSpec], *, options)``.
    """

    #: What ``forward`` gives. Levels that were made from one source bear its name.
    out: FeatureSpec
    #: Height and width of the input must be multiples of this.
    size_multiple: int
    #: Which of "time" and "location" the encoder must be given.
    coordinates: frozenset[str] = frozenset()
    #: Source -> what the published weights expect of it.
    infos: Mapping[str, EncoderInfo]
    #: What became of the published weights, for each network that has some.
    loads: Sequence[LoadReport] = ()

    @abstractmethod
    def forward(
        self, images: dict[str, Tensor], temporal_coords: Tensor | None = None, location_coords: Tensor | None = None
    ) -> list[Tensor]:
        """Give one map per level of ``out``. See :class:`groundwork.models.encoders.base.Encoder`.

        Args:
            images: Standardised values of each source, of one height and width.
            temporal_coords: (batch, steps, 2): year, and day of the year from 0.
            location_coords: (batch, 2): latitude and longitude in degrees.
        """


class SourceEncoders(JointEncoder):
    """Sends each source through an encoder; what they give lies side by side, for a neck that merges it.

    Args:
        encoders: Source -> its encoder; the same object for several sources shares the weights.

    Raises:
        SpecError: For encoders that give a global vector, which cannot lie side by side.
    """

    def __init__(self, encoders: Mapping[str, Encoder]) -> None:
        super().__init__()
        for source, encoder in encoders.items():
            if encoder.out.vector is not None:
                raise SpecError(
                    f"The encoder of '{source}' gives a global vector; several sources take maps. Set 'vector: false'"
                )
        distinct = list(dict.fromkeys(encoders.values()))
        self.encoders = nn.ModuleList(distinct)
        self._index = {source: distinct.index(encoder) for source, encoder in encoders.items()}
        self.out = FeatureSpec(
            tuple(replace(level, source=source) for source, encoder in encoders.items() for level in encoder.out.levels)
        )
        self.size_multiple = lcm(*(encoder.size_multiple for encoder in distinct))
        self.coordinates = frozenset().union(*(encoder.coordinates for encoder in distinct))
        self.infos = {source: encoder.info for source, encoder in encoders.items() if encoder.info is not None}
        self.loads = tuple(encoder.loaded for encoder in distinct if encoder.loaded is not None)

    def forward(
        self, images: dict[str, Tensor], temporal_coords: Tensor | None = None, location_coords: Tensor | None = None
    ) -> list[Tensor]:
        """Give the maps of the first source, then of the second, and so on. See :class:`JointEncoder`."""
        maps = []
        for source, index in self._index.items():
            encoder = cast("Encoder", self.encoders[index])
            maps.extend(encoder(images[source], temporal_coords, location_coords))
        return maps

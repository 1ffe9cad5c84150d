"""Encoders that see several sources at once."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import lcm
from typing import TypeAlias, cast

from torch import Tensor, nn

from groundwork.models.encoders.base import Encoder
from groundwork.models.freezing import mark_fresh
from groundwork.models.naming import check_part_name
from groundwork.models.weights.info import EncoderInfo
from groundwork.models.weights.reading import LoadReport
from groundwork.specs import FeatureSpec, SpecError

#: (batch, steps, 2): year, and day of the year from 0; one for all sources, or one of each by name.
Dates: TypeAlias = Tensor | dict[str, Tensor]


def dates_of(dates: Dates | None, source: str) -> Tensor | None:
    """Return the dates of one source."""
    return dates.get(source) if isinstance(dates, dict) else dates


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
    #: Whether weights of half precision are of no use to it, as it computes with wavelengths or places.
    single_precision: bool = False
    #: The only height and width that it takes; smaller images are padded. None: it takes other sizes too.
    only_size: int | None = None
    #: Source -> what the published weights expect of it.
    infos: Mapping[str, EncoderInfo]
    #: What became of the published weights, for each network that has some.
    loads: Sequence[LoadReport] = ()

    def has_loaded(self, source: str) -> bool:  # noqa: ARG002 - one network sees them all
        """Whether the network that sees a source started from published weights."""
        return bool(self.loads)

    @abstractmethod
    def forward(
        self, images: dict[str, Tensor], temporal_coords: Dates | None = None, location_coords: Tensor | None = None
    ) -> list[Tensor]:
        """Give one map per level of ``out``. See :class:`groundwork.models.encoders.base.Encoder`.

        Args:
            images: Standardised values of each source, of one height and width.
            temporal_coords: (batch, steps, 2): year, and day of the year from 0; or one of each source by name.
            location_coords: (batch, 2): latitude and longitude in degrees.
        """


class SourceEncoders(JointEncoder):
    """Sends each source through an encoder; what they give lies side by side, for a neck that merges it.

    Weights are kept by the names of the sources, and sources go in the order of their names: what a model is must not
    follow from the order in which somebody wrote them down.

    Args:
        encoders: Source -> its encoder; the same object for several sources shares the weights, which are kept under
            the names of all of them, as ``after_and_before``.

    Raises:
        SpecError: For encoders that give a global vector, which cannot lie side by side, and for names of sources
            that torch cannot keep.
    """

    def __init__(self, encoders: Mapping[str, Encoder]) -> None:
        super().__init__()
        encoders = dict(sorted(encoders.items()))
        for source, encoder in encoders.items():
            check_part_name(source, "A source")
            if encoder.out.vector is not None:
                raise SpecError(
                    f"The encoder of '{source}' gives a global vector; several sources take maps. Set 'vector: false'"
                )
        distinct = list(dict.fromkeys(encoders.values()))
        owners = {id(encoder): [key for key, own in encoders.items() if own is encoder] for encoder in distinct}
        self._keys = {source: "_and_".join(owners[id(encoder)]) for source, encoder in encoders.items()}
        self.encoders = nn.ModuleDict({self._keys[source]: encoder for source, encoder in encoders.items()})
        self.out = FeatureSpec(
            tuple(replace(level, source=source) for source, encoder in encoders.items() for level in encoder.out.levels)
        )
        self.size_multiple = lcm(*(encoder.size_multiple for encoder in distinct))
        self.only_size = min((only for only in (part.only_size for part in distinct) if only is not None), default=None)
        self.coordinates = frozenset().union(*(encoder.coordinates for encoder in distinct))
        self.single_precision = any(encoder.single_precision for encoder in distinct)
        self.infos = {source: encoder.info for source, encoder in encoders.items() if encoder.info is not None}
        self.loads = tuple(encoder.loaded for encoder in distinct if encoder.loaded is not None)
        for encoder in distinct:
            if self.loads and encoder.loaded is None:
                # To keep an encoder as it is means those that learned something before.
                mark_fresh(encoder, [name for name, _ in encoder.named_parameters()], by_design=False)

    def has_loaded(self, source: str) -> bool:
        """Whether the encoder of a source started from published weights."""
        return self._encoder_of(source).loaded is not None

    def forward(
        self, images: dict[str, Tensor], temporal_coords: Dates | None = None, location_coords: Tensor | None = None
    ) -> list[Tensor]:
        """Give the maps of the first source by name, then of the second, and so on. See :class:`JointEncoder`."""
        maps = []
        for source in self._keys:
            encoder = self._encoder_of(source)
            # Sources may have other numbers of dates than those that the encoder of this one can take.
            dates = dates_of(temporal_coords, source) if "time" in encoder.coordinates else None
            maps.extend(encoder(images[source], dates, location_coords))
        return maps

    def _encoder_of(self, source: str) -> Encoder:
        return cast("Encoder", self.encoders[self._keys[source]])

"""One encoder for each of several sources."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import lcm
from typing import TypeVar, cast

from torch import Tensor, nn

from groundwork.batch import Images, by_name
from groundwork.errors import SpecError
from groundwork.models.encoders.base import Encoder
from groundwork.models.freezing import mark_fresh
from groundwork.models.naming import check_part_name
from groundwork.specs import FeatureSpec

Published = TypeVar("Published")


class SourceEncoders(Encoder):
    """Sends each source through an encoder; what they give lies side by side, for a neck that merges it.

    Weights are kept by the names of the sources, and sources go in the order of their names: what a model is must not
    follow from the order in which somebody wrote them down.

    Args:
        encoders: Source -> its encoder, built for that source alone; the same object for several sources, built for the
            first of them by name, shares the weights, which are kept under all their names, as ``after_and_before``.

    Raises:
        SpecError: For encoders that give a global vector, which cannot lie side by side, and for names of sources
            that torch cannot keep.
    """

    def __init__(self, encoders: Mapping[str, Encoder]) -> None:
        super().__init__()
        encoders = by_name(encoders)
        for source, encoder in encoders.items():
            check_part_name(source, "A source")
            if encoder.out.vector is not None:
                raise SpecError(
                    f"The encoder of '{source}' gives a global vector; several sources take maps. Set 'vector: false'"
                )
        distinct = list(dict.fromkeys(encoders.values()))
        owners = {id(encoder): [key for key, own in encoders.items() if own is encoder] for encoder in distinct}
        self._keys = {source: "_and_".join(owners[id(encoder)]) for source, encoder in encoders.items()}
        self._built_for = {source: owners[id(encoder)][0] for source, encoder in encoders.items()}
        self.encoders = nn.ModuleDict({self._keys[source]: encoder for source, encoder in encoders.items()})
        self.out = FeatureSpec(
            tuple(replace(level, source=source) for source, encoder in encoders.items() for level in encoder.out.levels)
        )
        self.size_multiple = lcm(*(encoder.size_multiple for encoder in distinct))
        self.only_size = min((only for only in (part.only_size for part in distinct) if only is not None), default=None)
        self.coordinates = frozenset().union(*(encoder.coordinates for encoder in distinct))
        self.single_precision = any(encoder.single_precision for encoder in distinct)
        self.info = _of_sources({source: encoder.info for source, encoder in encoders.items()})
        self.loaded = _of_sources({source: encoder.loaded for source, encoder in encoders.items()})
        for encoder in distinct:
            if self.loaded and not encoder.loaded:
                # To keep an encoder as it is means those that learned something before.
                mark_fresh(encoder, [name for name, _ in encoder.named_parameters()], by_design=False)

    def forward(self, images: Images) -> list[Tensor]:
        """Give the maps of the first source by name, then of the second, and so on. See :class:`Encoder`."""
        maps = []
        for source in self._keys:
            encoder = cast("Encoder", self.encoders[self._keys[source]])
            maps.extend(encoder(images.only(source, self._built_for[source])))
        return maps


def _of_sources(published: Mapping[str, Mapping[str, Published]]) -> dict[str, Published]:
    """Return what the encoder of each source publishes of the one source it sees."""
    return {source: next(iter(entry.values())) for source, entry in published.items() if entry}

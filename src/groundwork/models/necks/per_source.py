"""Necks for the levels of some sources only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import cast

from torch import Tensor, nn

from groundwork.config.component import ComponentConfig
from groundwork.errors import ComponentError, SpecError
from groundwork.models.features.needs import group_by_source
from groundwork.models.necks import NECKS
from groundwork.models.necks.base import Neck
from groundwork.registry import build
from groundwork.specs import FeatureSpec
from groundwork.strict import did_you_mean


class PerSourceNeck(Neck):
    """Sends the levels of a source through necks of its own, as if it were the only one.

    So sources become alike that networks of other shapes see, and a ``merge_sources`` neck can merge them.

    Args:
        features: Levels of at least two sources.
        necks: Source -> its necks, in order. The levels of a source that is not named pass as they are.

    Raises:
        SpecError: For a single source, and where a source's levels do not fit its necks.
        ComponentError: For a source that does not exist.
    """

    def __init__(self, features: FeatureSpec, *, necks: Mapping[str, tuple[ComponentConfig, ...]]) -> None:
        super().__init__()
        self.groups = {source: group for source, group in group_by_source(features).items() if source is not None}
        if len(self.groups) < 2:
            raise SpecError(f"'per_source' needs levels of several sources, got {features}. Name the necks themselves")
        for source in necks:
            if source not in self.groups:
                hint = did_you_mean(source, list(self.groups))
                raise ComponentError(f"'per_source' knows no source '{source}'.{hint} Sources: {list(self.groups)}")
        self.sources = nn.ModuleDict()
        levels = []
        for source, positions in self.groups.items():
            given = FeatureSpec(tuple(replace(features.levels[position], source=None) for position in positions))
            chain = _build_chain(necks.get(source, ()), given, f"necks.{source}")
            self.sources[source] = nn.ModuleList(chain)
            made = chain[-1].out if chain else given
            levels += [replace(level, source=source) for level in made.levels]
        self.out = FeatureSpec(tuple(levels))

    def forward(self, features: list[Tensor]) -> list[Tensor]:
        """Give the maps of the first source, then of the second, and so on. See :class:`Neck`."""
        given: list[Tensor] = []
        for source, positions in self.groups.items():
            maps = [features[position] for position in positions]
            for neck in cast("nn.ModuleList", self.sources[source]):
                maps = neck(maps)
            given += maps
        return given


def _build_chain(configs: Sequence[ComponentConfig], features: FeatureSpec, where: str) -> list[Neck]:
    chain: list[Neck] = []
    for index, config in enumerate(configs):
        neck: Neck = build(Neck, NECKS, config, features, where=f"{where}[{index}]")
        features = neck.out
        chain.append(neck)
    return chain

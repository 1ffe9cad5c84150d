"""Make one map of those of several sources."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from groundwork.errors import SpecError
from groundwork.models.features.needs import group_by_source
from groundwork.models.necks.base import Neck
from groundwork.models.necks.steps import split_steps
from groundwork.specs import FeatureLevel, FeatureSpec


class MergeSourcesNeck(Neck):
    """Merges the levels of several sources: the first of each into one, the second of each into one, and so on.

    Args:
        features: Levels of at least two sources, as many of each, on the same grids.
        pooling: ``concat`` puts the sources' channels behind one another, step by step where all have as many time
            steps; the others take the mean, maximum or sum, for which all need as many channels.

    Raises:
        SpecError: For a single source, other numbers of levels or other strides, and for other numbers of channels
            where they are not put behind one another.
    """

    def __init__(self, features: FeatureSpec, *, pooling: Literal["concat", "mean", "max", "sum"] = "concat") -> None:
        super().__init__()
        groups = group_by_source(features)
        if len(groups) < 2:
            raise SpecError(f"'merge_sources' needs levels of several sources, got {features}. Leave the neck out")
        counts = {len(positions) for positions in groups.values()}
        if len(counts) > 1:
            raise SpecError(
                f"'merge_sources' needs as many levels of each source, got {features}. "
                "Put a 'select' neck before it, which picks the same of each"
            )
        self.pooling = pooling
        self.positions = tuple(zip(*groups.values(), strict=True))
        together = [tuple(features.levels[position] for position in positions) for positions in self.positions]
        self.steps = tuple(_common_steps(levels) for levels in together)
        self.out = FeatureSpec(
            tuple(_merge(levels, pooling, steps) for levels, steps in zip(together, self.steps, strict=True))
        )

    def forward(self, features: list[Tensor]) -> list[Tensor]:
        """Give one map per level of ``out``. See :class:`Neck`."""
        return [
            self._pool([features[position] for position in positions], steps)
            for positions, steps in zip(self.positions, self.steps, strict=True)
        ]

    def _pool(self, maps: list[Tensor], steps: int) -> Tensor:
        if self.pooling == "concat":
            return torch.cat([split_steps(part, steps) for part in maps], dim=2).flatten(1, 2)
        stacked = torch.stack(maps)
        if self.pooling == "max":
            return stacked.amax(dim=0)
        return stacked.mean(dim=0) if self.pooling == "mean" else stacked.sum(dim=0)


def _common_steps(levels: tuple[FeatureLevel, ...]) -> int:
    steps = {level.steps for level in levels}
    return steps.pop() if len(steps) == 1 else 1


def _merge(levels: tuple[FeatureLevel, ...], pooling: str, steps: int) -> FeatureLevel:
    listed = ", ".join(str(level) for level in levels)
    if len({level.stride for level in levels}) > 1:
        raise SpecError(
            f"'merge_sources' needs maps of one stride to merge, got {listed}. "
            "Let the encoders pass on levels of the same strides, or pick such with a 'select' neck"
        )
    channels = [level.channels for level in levels]
    if pooling == "concat":
        return FeatureLevel(sum(channels), levels[0].stride, steps)
    if len(set(channels)) > 1 or len({level.steps for level in levels}) > 1:
        raise SpecError(
            f"'merge_sources' with pooling '{pooling}' needs as many channels and time steps of each source, got "
            f"{listed}. Put a 'project' neck before it, which brings all to one number, or use pooling 'concat'"
        )
    return FeatureLevel(channels[0], levels[0].stride, steps)

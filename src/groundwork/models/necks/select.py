"""Keep some of the encoder's levels."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor

from groundwork.errors import SpecError
from groundwork.models.features.needs import group_by_source
from groundwork.models.necks.base import Neck
from groundwork.specs import FeatureSpec


class SelectNeck(Neck):
    """Passes on some levels and drops the others. Of several sources, each keeps the same ones of its own levels.

    Args:
        features: What the encoder, or the neck before, gives.
        indices: Levels to keep, from the finest to the coarsest; -1 is the last. A level may be named several times.

    Raises:
        SpecError: For a level that does not exist, for none at all, and for a coarse level before a finer one.
    """

    def __init__(self, features: FeatureSpec, *, indices: tuple[int, ...]) -> None:
        super().__init__()
        if not indices:
            raise SpecError(f"'select' must keep at least one level of {features}: name some in 'indices'")
        groups = group_by_source(features)
        for source, positions in groups.items():
            missing = [index for index in indices if not -len(positions) <= index < len(positions)]
            if missing:
                whose = f" of the source '{source}'" if len(groups) > 1 else ""
                raise SpecError(
                    f"'select' has no level {missing}{whose}: the encoder gives {features}. "
                    f"Levels are numbered from 0 to {len(positions) - 1}; -1 is the last"
                )
        for positions in groups.values():
            kept = FeatureSpec(tuple(features.levels[positions[index]] for index in indices))
            if any(fine.stride > coarse.stride for fine, coarse in pairwise(kept.levels)):
                raise SpecError(
                    f"'select' must go from the finest level to the coarsest, indices {list(indices)} give {kept}. "
                    "Put them in order"
                )
        self.positions = tuple(positions[index] for index in indices for positions in groups.values())
        self.out = FeatureSpec(tuple(features.levels[position] for position in self.positions))

    def forward(self, features: list[Tensor]) -> list[Tensor]:
        """Give the kept maps. See :class:`Neck`."""
        return [features[position] for position in self.positions]

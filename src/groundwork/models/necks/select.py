"""Keep some of the encoder's levels."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor

from groundwork.models.necks.base import Neck
from groundwork.specs import FeatureSpec, SpecError


class SelectNeck(Neck):
    """Passes on some levels and drops the others.

    Args:
        features: What the encoder, or the neck before, gives.
        indices: Levels to keep, from the finest to the coarsest; -1 is the last. A level may be named several times.

    Raises:
        SpecError: For a level that does not exist, for none at all, and for a coarse level before a finer one.
    """

    def __init__(self, features: FeatureSpec, *, indices: tuple[int, ...]) -> None:
        super().__init__()
        num_levels = len(features.levels)
        missing = [index for index in indices if not -num_levels <= index < num_levels]
        if missing:
            raise SpecError(f"'select' has no level {missing}: the encoder gives {features}")
        if not indices:
            raise SpecError(f"'select' must keep at least one level of {features}: name some in 'indices'")
        self.indices = indices
        self.out = FeatureSpec(tuple(features.levels[index] for index in indices))
        if any(fine.stride > coarse.stride for fine, coarse in pairwise(self.out.levels)):
            raise SpecError(
                f"'select' must go from the finest level to the coarsest, indices {list(indices)} give {self.out}. "
                "Put them in order"
            )

    def forward(self, features: list[Tensor]) -> list[Tensor]:
        """Give the kept maps. See :class:`Neck`."""
        return [features[index] for index in self.indices]

"""Objects of classes, found by boxes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import final

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from groundwork.batch import Answers
from groundwork.rasters.grid import Grid
from groundwork.rasters.stream import RasterProfile
from groundwork.specs import TargetSpec
from groundwork.targets.kind import Accumulator, Direction, Products
from groundwork.targets.object_answers import ObjectAnswers
from groundwork.targets.statistics import TargetStatistics


@final
class ObjectBoxes(ObjectAnswers):
    """Boxes of objects, each with its class and score. What labels hold: see :class:`ObjectAnswers`."""

    main_score = "map"
    headline = ("map", "map_50")
    constant_name = "no_object"

    @classmethod
    def score_directions(cls, target: TargetSpec) -> dict[str, Direction]:
        """See :class:`TargetKind`."""
        raise NotImplementedError

    def constant(self, statistics: TargetStatistics) -> Tensor:
        """See :class:`TargetKind`."""
        raise NotImplementedError

    def accumulator(self) -> Accumulator:
        """See :class:`TargetKind`."""
        raise NotImplementedError

    def activate(self, scores: Tensor) -> Tensor:
        """See :class:`TargetKind`."""
        raise NotImplementedError

    def decide(self, scores: Tensor) -> Tensor:
        """See :class:`TargetKind`."""
        raise NotImplementedError

    def profiles(self, grid: Grid, tags: Mapping[str, str], *, details: bool) -> dict[str, RasterProfile]:
        """See :class:`TargetKind`."""
        raise NotImplementedError

    def from_product(self, values: NDArray[np.generic], known: NDArray[np.bool_]) -> Answers:
        """See :class:`TargetKind`."""
        raise NotImplementedError

    def products(
        self, blended: NDArray[np.float32], valid: NDArray[np.bool_], profiles: Mapping[str, RasterProfile]
    ) -> Products:
        """See :class:`TargetKind`."""
        raise NotImplementedError

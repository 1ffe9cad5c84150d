"""What every kind of answer is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from groundwork.rasters.grid import Grid
from groundwork.rasters.stream import RasterProfile
from groundwork.specs import TargetSpec

#: Whether more of a score is better, or less.
Direction: TypeAlias = Literal["max", "min"]
#: Product of a prediction, such as "classes" -> its pixels (bands, height, width).
Products: TypeAlias = Mapping[str, NDArray[np.generic]]


class Accumulator(nn.Module, ABC):
    """Adds up what scores are computed from, batch by batch; what it holds can be summed over processes."""

    @abstractmethod
    def update(self, truth: Tensor, scores: Tensor) -> None:
        """Add a batch: the answers as they are known, and a model's raw scores."""

    @abstractmethod
    def compute(self) -> dict[str, float]:
        """Return the scores by name; those that are not defined are left out."""

    @abstractmethod
    def reset(self) -> None:
        """Begin anew."""


class TargetKind(ABC):
    """A kind of answer: what scores mean, what becomes of them, and how they are judged.

    Constructors take ``(target: TargetSpec)``, so that a bundle is enough to make one.
    """

    def __init__(self, target: TargetSpec) -> None:
        self.check(target)
        self.target = target

    @classmethod
    @abstractmethod
    def check(cls, target: TargetSpec) -> None:
        """Refuse a target of another kind.

        Raises:
            SpecError: With what this kind needs.
        """

    @classmethod
    @abstractmethod
    def score_directions(cls, target: TargetSpec) -> dict[str, Direction]:
        """Return all scores that an accumulator may give, by name, and whether more or less of each is better."""

    @abstractmethod
    def accumulator(self) -> Accumulator:
        """Return what judges scores, without any batch."""

    @abstractmethod
    def activate(self, scores: Tensor) -> Tensor:
        """Turn raw scores (batch, outputs, ...) into what overlapping tiles are blended in, in the same shape."""

    @abstractmethod
    def decide(self, scores: Tensor) -> Tensor:
        """Turn raw or activated scores (batch, outputs, ...) into answers (batch, ...)."""

    @abstractmethod
    def profiles(self, grid: Grid, tags: Mapping[str, str], *, details: bool) -> dict[str, RasterProfile]:
        """Return the rasters that a prediction is written as.

        Args:
            grid: Of the scene.
            tags: What each of them says of its origin.
            details: Also what the answers were decided from.
        """

    @abstractmethod
    def products(
        self, blended: NDArray[np.float32], valid: NDArray[np.bool_], profiles: Mapping[str, RasterProfile]
    ) -> Products:
        """Return the pixels of the rasters of ``profiles`` for a window.

        Args:
            blended: Activated scores (outputs, height, width).
            valid: Where the scene holds data (height, width).
            profiles: As of :meth:`profiles`.
        """

"""What is measured of answers beside the scores of their kind."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

from torch import Tensor


@dataclass(frozen=True, slots=True)
class Judged:
    """What a predictor gave for one chip, and what is known of it."""

    #: What is asked of the chip (...), as it is known.
    truth: Tensor
    #: The same; not known is also what another chip was judged by.
    counted: Tensor
    #: Raw scores (outputs, ...).
    scores: Tensor
    #: Where any source holds data, and no other chip was judged by it (height, width).
    valid: Tensor
    #: Key of its scene.
    scene: str


class Detail(ABC):
    """Adds up what further scores are computed from, chip by chip."""

    @abstractmethod
    def update(self, judged: Judged) -> None:
        """Add a chip."""

    @abstractmethod
    def report(self) -> dict[str, Any]:
        """Return scores by name: numbers, and mappings of them; None where one is not defined."""

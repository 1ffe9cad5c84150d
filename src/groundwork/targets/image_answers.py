"""What kinds of answers of whole images have in common: they can be written as a table."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray

from groundwork.specs import TargetSpec


class ImageAnswers(ABC):
    """A kind of answer that an image has as a whole."""

    target: TargetSpec

    @abstractmethod
    def table(self, activated: NDArray[np.float32]) -> dict[str, NDArray[np.generic]]:
        """Return what is said of some images, by column.

        Args:
            activated: Activated scores (images, outputs).
        """


def rounded(numbers: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return numbers as tables have them: to six digits behind the point."""
    return np.asarray(np.round(numbers.astype(np.float64), 6), np.float64)


def probability_column(name: str) -> str:
    """Return the column in which tables keep the probability of a class."""
    return f"probability_{name}"

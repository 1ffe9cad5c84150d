"""Moves between pixels: turns by any angle, larger and smaller, askew, aside, and a part of a chip."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Annotated, final

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from groundwork.data.augmentation.base import Augmentation, Described, Pixels
from groundwork.data.augmentation.draws import Chance, Positive
from groundwork.data.augmentation.warp import warp
from groundwork.errors import SpecError


class Moved(Augmentation, ABC):
    """Draws a matrix for each chip. Moves that follow one another are done as one: each resampling blurs."""

    def __init__(self, described: Described, chance: float) -> None:
        """Keep how likely the move is."""
        self.described, self._chance = described, chance

    @abstractmethod
    def matrix(self, random: np.random.Generator, size: tuple[int, int]) -> NDArray[np.float64]:
        """Return where places (x, y, 1), in pixels from the centre, come to lie, (3, 3).

        Args:
            random: Of the chip.
            size: Height and width of the chip.
        """

    def drawn(self, random: Sequence[np.random.Generator], size: tuple[int, int]) -> NDArray[np.float64]:
        """Return the matrices of all chips, (batch, 3, 3), for places in pixels from the first one."""
        center = _shift((size[1] - 1) / 2, (size[0] - 1) / 2)
        back = np.linalg.inv(center)
        return np.stack(
            [center @ self.matrix(each, size) @ back if each.random() < self._chance else np.eye(3) for each in random]
        )

    def change(self, pixels: Pixels, random: Sequence[np.random.Generator]) -> Pixels:
        """See :class:`Augmentation`."""
        return warp(pixels, self.drawn(random, pixels.size), self.described)


@final
class Rotate(Moved):
    """A turn by any angle about the centre."""

    def __init__(
        self,
        described: Described,
        *,
        degrees: Annotated[float, Field(gt=0, le=180)] = 180.0,
        chance: Chance = 1.0,
    ) -> None:
        """Keep the largest angle, to either side."""
        super().__init__(described, chance)
        self._degrees = degrees

    def matrix(self, random: np.random.Generator, size: tuple[int, int]) -> NDArray[np.float64]:  # noqa: ARG002
        """See :class:`Moved`."""
        angle = np.deg2rad(self._degrees * random.uniform(-1, 1))
        cosine, sine = np.cos(angle), np.sin(angle)
        return np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]])


@final
class Scale(Moved):
    """Larger or smaller about the centre, as if seen from another height."""

    def __init__(
        self, described: Described, *, smallest: Positive = 0.8, largest: Positive = 1.25, chance: Chance = 1.0
    ) -> None:
        """Keep the factors between which sizes change; in between all factors are as likely on a scale of doublings.

        Raises:
            SpecError: Where the smallest is larger than the largest.
        """
        super().__init__(described, chance)
        if smallest > largest:
            raise SpecError(f"'scale' has the smallest factor {smallest:g} above the largest {largest:g}: swap them")
        self._limits = np.log(smallest), np.log(largest)

    def matrix(self, random: np.random.Generator, size: tuple[int, int]) -> NDArray[np.float64]:  # noqa: ARG002
        """See :class:`Moved`."""
        factor = np.exp(random.uniform(*self._limits))
        return np.diag([factor, factor, 1.0])


@final
class Shear(Moved):
    """Askew: rows, or columns, slide along one another."""

    def __init__(
        self, described: Described, *, degrees: Annotated[float, Field(gt=0, lt=80)] = 10.0, chance: Chance = 1.0
    ) -> None:
        """Keep the largest angle, to either side, for rows and columns."""
        super().__init__(described, chance)
        self._degrees = degrees

    def matrix(self, random: np.random.Generator, size: tuple[int, int]) -> NDArray[np.float64]:  # noqa: ARG002
        """See :class:`Moved`."""
        slope = np.tan(np.deg2rad(self._degrees * random.uniform(-1, 1)))
        return np.array([[1, slope, 0], [0, 1, 0], [0, 0, 1]] if random.random() < 0.5 else _upright(slope))


@final
class Shift(Moved):
    """Aside; what comes in from outside is not valid."""

    def __init__(
        self, described: Described, *, limit: Annotated[float, Field(gt=0, lt=1)] = 0.1, chance: Chance = 1.0
    ) -> None:
        """Keep the largest shift, as a share of the side."""
        super().__init__(described, chance)
        self._limit = limit

    def matrix(self, random: np.random.Generator, size: tuple[int, int]) -> NDArray[np.float64]:
        """See :class:`Moved`."""
        height, width = size
        x, y = self._limit * random.uniform(-1, 1, 2) * (width, height)
        return _shift(x, y)


@final
class Crop(Moved):
    """A part of the chip, enlarged to its size."""

    def __init__(
        self, described: Described, *, smallest: Annotated[float, Field(gt=0, le=1)] = 0.5, chance: Chance = 1.0
    ) -> None:
        """Keep the smallest side of the part, as a share of the side of the chip."""
        super().__init__(described, chance)
        self._smallest = smallest

    def matrix(self, random: np.random.Generator, size: tuple[int, int]) -> NDArray[np.float64]:
        """See :class:`Moved`."""
        height, width = size
        share = random.uniform(self._smallest, 1)
        x, y = (1 - share) / 2 * random.uniform(-1, 1, 2) * (width - 1, height - 1)
        return np.diag([1 / share, 1 / share, 1.0]) @ _shift(-x, -y)


def _shift(x: float, y: float) -> NDArray[np.float64]:
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1.0]])


def _upright(slope: float) -> list[list[float]]:
    return [[1, 0, 0], [slope, 1, 0], [0, 0, 1]]

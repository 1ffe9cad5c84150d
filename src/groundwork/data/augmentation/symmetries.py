"""Flips and turns by which each pixel comes to lie on another one: nothing is resampled."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from groundwork.data.augmentation.base import Augmentation, Described, Pixels
from groundwork.data.augmentation.draws import Chance
from groundwork.data.augmentation.kornia_functions import hflip, vflip
from groundwork.data.augmentation.objects import move_whole


@dataclass(frozen=True, slots=True)
class Move:
    """What becomes of a chip."""

    #: Changes any tensor whose last axes are height and width.
    pixels: Callable[[Tensor], Tensor]
    #: From a place (column, row, 1), counted from the upper left corner of a chip of height 1 and width 1, to the new
    #: one, (3, 3).
    matrix: NDArray[np.float64]

    def of_size(self, size: tuple[int, int]) -> NDArray[np.float64]:
        """Return the matrix for chips of a height and width, which are alike wherever they change places."""
        sides = np.diag([size[1], size[0], 1.0])
        matrix: NDArray[np.float64] = sides @ self.matrix @ np.diag([1 / size[1], 1 / size[0], 1.0])
        return matrix


LEFT_RIGHT = Move(hflip, np.array([[-1, 0, 1], [0, 1, 0], [0, 0, 1.0]]))
TOP_BOTTOM = Move(vflip, np.array([[1, 0, 0], [0, -1, 1], [0, 0, 1.0]]))
#: Against the clock: what is right comes to lie at the top.
_TURN = np.array([[0, 1, 0], [-1, 0, 1], [0, 0, 1.0]])
TURNS = [Move(partial(torch.rot90, k=turns, dims=(-2, -1)), np.linalg.matrix_power(_TURN, turns)) for turns in range(4)]


class Symmetry(Augmentation, ABC):
    """Draws one of a few moves for each chip."""

    @abstractmethod
    def move(self, random: np.random.Generator) -> Move | None:
        """Return the move of one chip. None: it stays as it is."""

    def change(self, pixels: Pixels, random: Sequence[np.random.Generator]) -> Pixels:
        """See :class:`Augmentation`."""
        return move_chips(pixels, [self.move(each) for each in random])


def move_chips(pixels: Pixels, moves: Sequence[Move | None]) -> Pixels:
    """Return chips moved, each by its own move. None: it stays as it is."""

    def moved(part: Tensor) -> Tensor:
        pairs = zip(moves, part, strict=True)
        return torch.stack([chip if move is None else move.pixels(chip) for move, chip in pairs])

    values, valid = ({source: moved(part) for source, part in parts.items()} for parts in (pixels.values, pixels.valid))
    objects = pixels.objects
    if objects is not None:
        pairs = zip(moves, objects, strict=True)
        objects = tuple(
            entry if move is None else move_whole(entry, move.of_size(pixels.size), move.pixels)
            for move, entry in pairs
        )
    target = moved(pixels.target) if pixels.has_answers_of_pixels else pixels.target
    return Pixels(values, valid, target, objects)


@final
class HorizontalFlip(Symmetry):
    """Left becomes right."""

    def __init__(self, described: Described, *, chance: Chance = 0.5) -> None:  # noqa: ARG002
        """Keep how likely it is."""
        self._chance = chance

    def move(self, random: np.random.Generator) -> Move | None:
        """See :class:`Symmetry`."""
        return LEFT_RIGHT if random.random() < self._chance else None


@final
class VerticalFlip(Symmetry):
    """The top becomes the bottom."""

    def __init__(self, described: Described, *, chance: Chance = 0.5) -> None:  # noqa: ARG002
        """Keep how likely it is."""
        self._chance = chance

    def move(self, random: np.random.Generator) -> Move | None:
        """See :class:`Symmetry`."""
        return TOP_BOTTOM if random.random() < self._chance else None


@final
class QuarterTurns(Symmetry):
    """A turn by 0, 90, 180 or 270 degrees, each as likely."""

    def __init__(self, described: Described) -> None:
        """Take no options."""

    def move(self, random: np.random.Generator) -> Move | None:
        """See :class:`Symmetry`."""
        turns = int(random.integers(4))
        return TURNS[turns] if turns else None

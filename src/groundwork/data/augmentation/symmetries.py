"""Flips and turns by which each pixel comes to lie on another one: nothing is resampled."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeAlias, final

import numpy as np
import torch
from torch import Tensor

from groundwork.data.augmentation.base import Augmentation, Described, Pixels
from groundwork.data.augmentation.draws import Chance
from groundwork.data.augmentation.kornia_functions import hflip, vflip

#: A change of any tensor whose last axes are height and width. None: it stays.
Move: TypeAlias = Callable[[Tensor], Tensor] | None


class Symmetry(Augmentation, ABC):
    """Draws one of a few moves for each chip."""

    @abstractmethod
    def move(self, random: np.random.Generator) -> Move:
        """Return the move of one chip."""

    def change(self, pixels: Pixels, random: Sequence[np.random.Generator]) -> Pixels:
        """See :class:`Augmentation`."""
        moves = [self.move(each) for each in random]

        def moved(part: Tensor) -> Tensor:
            return torch.stack([chip if move is None else move(chip) for move, chip in zip(moves, part, strict=True)])

        values, valid = (
            {source: moved(part) for source, part in parts.items()} for parts in (pixels.values, pixels.valid)
        )
        return Pixels(values, valid, moved(pixels.target) if pixels.has_answers_of_pixels else pixels.target)


@final
class HorizontalFlip(Symmetry):
    """Left becomes right."""

    def __init__(self, described: Described, *, chance: Chance = 0.5) -> None:  # noqa: ARG002
        """Keep how likely it is."""
        self._chance = chance

    def move(self, random: np.random.Generator) -> Move:
        """See :class:`Symmetry`."""
        return hflip if random.random() < self._chance else None


@final
class VerticalFlip(Symmetry):
    """The top becomes the bottom."""

    def __init__(self, described: Described, *, chance: Chance = 0.5) -> None:  # noqa: ARG002
        """Keep how likely it is."""
        self._chance = chance

    def move(self, random: np.random.Generator) -> Move:
        """See :class:`Symmetry`."""
        return vflip if random.random() < self._chance else None


@final
class QuarterTurns(Symmetry):
    """A turn by 0, 90, 180 or 270 degrees, each as likely."""

    def __init__(self, described: Described) -> None:
        """Take no options."""

    def move(self, random: np.random.Generator) -> Move:
        """See :class:`Symmetry`."""
        turns = int(random.integers(4))
        return partial(torch.rot90, k=turns, dims=(-2, -1)) if turns else None

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
from groundwork.data.augmentation.draws import Chance, happens, where_it_happens
from groundwork.data.augmentation.kornia_functions import hflip, vflip

#: A change of any tensor whose last axes are height and width.
Move: TypeAlias = Callable[[Tensor], Tensor]


class Symmetry(Augmentation, ABC):
    """Draws one of a few moves for each chip."""

    @abstractmethod
    def moves(self, random: Sequence[np.random.Generator]) -> list[tuple[Move, list[bool]]]:
        """Return moves, and which chips each of them is for."""

    def change(self, pixels: Pixels, random: Sequence[np.random.Generator]) -> Pixels:
        """See :class:`Augmentation`."""
        values, valid, target = dict(pixels.values), dict(pixels.valid), pixels.target
        for move, chosen in self.moves(random):
            for parts in (values, valid):
                parts.update({source: where_it_happens(chosen, move, part) for source, part in parts.items()})
            if pixels.has_answers_of_pixels:
                target = where_it_happens(chosen, move, target)
        return Pixels(values, valid, target)


@final
class HorizontalFlip(Symmetry):
    """Left becomes right."""

    def __init__(self, described: Described, *, chance: Chance = 0.5) -> None:  # noqa: ARG002
        """Keep how likely it is."""
        self._chance = chance

    def moves(self, random: Sequence[np.random.Generator]) -> list[tuple[Move, list[bool]]]:
        """See :class:`Symmetry`."""
        return [(hflip, happens(random, self._chance))]


@final
class VerticalFlip(Symmetry):
    """The top becomes the bottom."""

    def __init__(self, described: Described, *, chance: Chance = 0.5) -> None:  # noqa: ARG002
        """Keep how likely it is."""
        self._chance = chance

    def moves(self, random: Sequence[np.random.Generator]) -> list[tuple[Move, list[bool]]]:
        """See :class:`Symmetry`."""
        return [(vflip, happens(random, self._chance))]


@final
class QuarterTurns(Symmetry):
    """A turn by 0, 90, 180 or 270 degrees, each as likely."""

    def __init__(self, described: Described) -> None:
        """Take no options."""

    def moves(self, random: Sequence[np.random.Generator]) -> list[tuple[Move, list[bool]]]:
        """See :class:`Symmetry`."""
        turns = [int(each.integers(4)) for each in random]
        return [(partial(torch.rot90, k=k, dims=(-2, -1)), [found == k for found in turns]) for k in (1, 2, 3)]

"""Chips made of two chips of a batch. Which two depends on the batch, and that on seed and epoch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, final

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from groundwork.data.augmentation.base import Augmentation, Described, Pixels
from groundwork.data.augmentation.draws import Chance, Positive, happens
from groundwork.data.augmentation.lost import hide_lost
from groundwork.errors import SpecError


@final
class CutMix(Augmentation):
    """A rectangle of another chip, with its answers (https://arxiv.org/abs/1905.04899)."""

    def __init__(
        self,
        described: Described,
        *,
        largest: Annotated[float, Field(gt=0, lt=1)] = 0.5,
        chance: Chance = 0.5,
    ) -> None:
        """Keep the largest share of a chip that is pasted. Dates and place stay those of the chip.

        Raises:
            SpecError: For answers that are not of pixels.
        """
        if described.target.per != "pixel":
            per = described.target.per
            found = "asks for nothing" if per == "nothing" else f"has one per {per}"
            raise SpecError(f"'cutmix' pastes pixels with their answers, and the target {found}: leave it out")
        self._largest, self._chance = largest, chance

    def change(self, pixels: Pixels, random: Sequence[np.random.Generator]) -> Pixels:
        """See :class:`Augmentation`."""
        height, width = pixels.size
        box = np.zeros((len(random), height, width), np.bool_)
        for number, each in enumerate(random):
            side = np.sqrt(self._largest * each.random())
            top, left = each.random(2) * (1 - side)
            if each.random() < self._chance:
                rows, columns = (
                    slice(round(at), round(at + side * length))
                    for at, length in ((top * height, height), (left * width, width))
                )
                box[number, rows, columns] = True
        other = _partners(random, pixels.target.device)
        inside = torch.from_numpy(box).to(pixels.target.device)
        return _each(pixels, lambda part: torch.where(_behind_first(inside, part), part[other], part))


@final
class MixUp(Augmentation):
    """The mean of two chips and of their numbers, weighted (https://arxiv.org/abs/1710.09412)."""

    def __init__(self, described: Described, *, alpha: Positive = 0.2, chance: Chance = 0.5) -> None:
        """Keep what the weights are drawn by: a beta distribution with this parameter, twice.

        Raises:
            SpecError: For classes, of which there is no mean.
        """
        if described.target.per == "object":
            raise SpecError("'mixup' needs the mean of two answers, and there is none of objects: leave it out")
        if not described.target.outputs:
            raise SpecError(
                "'mixup' needs the mean of two answers, and a loss over classes takes one class for each: use "
                "'cutmix', or a target of numbers ('outputs')"
            )
        self._alpha, self._chance, self._described = alpha, chance, described

    def change(self, pixels: Pixels, random: Sequence[np.random.Generator]) -> Pixels:
        """See :class:`Augmentation`; what one of the two does not hold or know, the mean does not either."""
        drawn = [each.beta(self._alpha, self._alpha) for each in random]
        chosen = happens(random, self._chance)
        own = [max(share, 1 - share) if mixed else 1.0 for share, mixed in zip(drawn, chosen, strict=True)]
        other = _partners(random, pixels.target.device)
        weight = torch.tensor(own, device=pixels.target.device)

        def mix(part: Tensor) -> Tensor:
            share = weight.to(part.device).reshape(-1, *[1] * (part.ndim - 1))
            if part.dtype == torch.bool:
                return part & (part[other] | (share == 1))
            return torch.where(share == 1, part, part * share.to(part) + part[other] * (1 - share.to(part)))

        return hide_lost(pixels, _each(pixels, mix), self._described)


def _partners(random: Sequence[np.random.Generator], device: torch.device) -> Tensor:
    """Return the other chip of each: the next one in an order that they draw, whatever theirs in the batch is."""
    order = np.argsort([each.random() for each in random], kind="stable")
    partners = np.empty(len(order), np.int64)
    partners[order] = np.roll(order, -1)
    return torch.from_numpy(partners).to(device)


def _each(pixels: Pixels, change: Callable[[Tensor], Tensor]) -> Pixels:
    values, valid = (
        {source: change(part) for source, part in parts.items()} for parts in (pixels.values, pixels.valid)
    )
    return Pixels(values, valid, change(pixels.target))


def _behind_first(part: Tensor, like: Tensor) -> Tensor:
    return part.reshape(len(part), *[1] * (like.ndim - 3), *part.shape[1:])

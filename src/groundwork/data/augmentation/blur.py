"""Blur."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, final

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from groundwork.data.augmentation.base import Described
from groundwork.data.augmentation.draws import uniform
from groundwork.data.augmentation.kornia_functions import gaussian_blur2d
from groundwork.data.augmentation.sources import ValueChange

#: Sigma of the least blur, in pixels: as good as none.
LEAST = 0.05


@final
class Blur(ValueChange):
    """A Gaussian blur, between pixels that hold data."""

    def __init__(
        self,
        described: Described,
        *,
        sigma: Annotated[float, Field(gt=LEAST, le=20)] = 1.0,
        sources: tuple[str, ...] = (),
    ) -> None:
        """Keep the largest sigma, in pixels; each chip draws its own, from next to none on."""
        super().__init__(described, sources)
        self._sigma = sigma

    def change_values(
        self,
        source: str,  # noqa: ARG002
        values: Tensor,
        valid: Tensor,
        random: Sequence[np.random.Generator],
    ) -> Tensor:
        """See :class:`ValueChange`."""
        size = values.shape[-2:]
        drawn = LEAST + (self._sigma - LEAST) * uniform(random, values, low=0.0).reshape(-1, 1)
        sigma = drawn.expand(-1, 2)
        holds = valid.reshape(len(values), 1, -1, *size).to(values)
        flat = values.reshape(len(values), values.shape[1], -1, *size)
        kept = torch.where(holds > 0, flat, 0.0)
        # What holds no data weighs nothing. Chip by chip: the last digits of a batch depend on how large it is.
        smooth, weights = (
            torch.stack([self._blur(chip, of_chip) for chip, of_chip in zip(part, sigma, strict=True)])
            for part in (kept, holds)
        )
        return (smooth / weights.clamp(min=1e-6)).reshape(values.shape)

    def _blur(self, chip: Tensor, sigma: Tensor) -> Tensor:
        size = 2 * math.ceil(3 * self._sigma) + 1
        return gaussian_blur2d(chip.flatten(0, 1)[None], (size, size), sigma[None], border_type="replicate").view_as(
            chip
        )

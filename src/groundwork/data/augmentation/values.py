"""Brighter or darker, and noise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, final

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from groundwork.data.augmentation.base import Described
from groundwork.data.augmentation.draws import Positive, uniform
from groundwork.data.augmentation.sources import ValueChange, per_channel


@final
class Gain(ValueChange):
    """All values of a source times one factor."""

    def __init__(
        self,
        described: Described,
        *,
        limit: Annotated[float, Field(gt=0, lt=1)] = 0.1,
        per_band: bool = False,
        sources: tuple[str, ...] = (),
    ) -> None:
        """Keep the largest share by which values are raised or lowered, and whether each band has its own."""
        super().__init__(described, sources)
        self._limit, self._per_band = limit, per_band

    def change_values(
        self,
        source: str,  # noqa: ARG002
        values: Tensor,
        valid: Tensor,  # noqa: ARG002
        random: Sequence[np.random.Generator],
    ) -> Tensor:
        """See :class:`ValueChange`."""
        count = values.shape[1] if self._per_band else 1
        return values * (1 + self._limit * uniform(random, values, count=count))


@final
class Offset(ValueChange):
    """All values of a source plus one shift, in standard deviations of each band."""

    def __init__(
        self,
        described: Described,
        *,
        limit: Positive = 0.1,
        per_band: bool = False,
        sources: tuple[str, ...] = (),
    ) -> None:
        """Keep the largest shift, in standard deviations, and whether each band has its own."""
        super().__init__(described, sources)
        self._limit, self._per_band = limit, per_band

    def change_values(
        self,
        source: str,
        values: Tensor,
        valid: Tensor,  # noqa: ARG002
        random: Sequence[np.random.Generator],
    ) -> Tensor:
        """See :class:`ValueChange`."""
        count = values.shape[1] if self._per_band else 1
        std = per_channel(self.described.std[source], values)
        return values + self._limit * uniform(random, values, count=count) * std


@final
class Noise(ValueChange):
    """Normally distributed noise of its own on each value."""

    def __init__(self, described: Described, *, limit: Positive = 0.1, sources: tuple[str, ...] = ()) -> None:
        """Keep the largest deviation of the noise, in standard deviations of each band; each chip draws its own."""
        super().__init__(described, sources)
        self._limit = limit

    def change_values(
        self,
        source: str,
        values: Tensor,
        valid: Tensor,  # noqa: ARG002
        random: Sequence[np.random.Generator],
    ) -> Tensor:
        """See :class:`ValueChange`."""
        amount = self._limit * uniform(random, values, low=0.0)
        # Drawn by NumPy, so that it is the same on every device.
        noise = np.stack([each.standard_normal(values.shape[1:], np.float32) for each in random])
        std = per_channel(self.described.std[source], values)
        return values + torch.from_numpy(noise).to(values) * amount * std

"""Haze: what the air adds to short wavelengths more than to long ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import numpy as np
import torch
from torch import Tensor

from groundwork.data.augmentation.base import Described
from groundwork.data.augmentation.draws import Positive, uniform
from groundwork.data.augmentation.sources import ValueChange, per_channel
from groundwork.errors import SpecError
from groundwork.specs import RasterSpec


@final
class Haze(ValueChange):
    """A brightening that falls off with the wavelength, as thin haze does; never a darkening."""

    def __init__(
        self,
        described: Described,
        *,
        limit: Positive = 0.5,
        exponent: Positive = 1.3,
        sources: tuple[str, ...] = (),
    ) -> None:
        """Keep the largest shift of the shortest wavelength, in standard deviations, and how fast it falls off.

        Args:
            described: What is known of chips.
            limit: Largest shift, in standard deviations of each band.
            exponent: Shifts fall with the wavelength to this power (Angstrom's exponent; 4 in clean air).
            sources: Names. None: all whose bands say their wavelengths.

        Raises:
            SpecError: Where no band of a source says its wavelength.
        """
        super().__init__(described, sources)
        shares = {source: _shares(described.inputs[source], exponent) for source in self.sources}
        without = [source for source, share in shares.items() if not share.any()]
        if without and (sources or len(without) == len(shares)):
            raise SpecError(f"haze depends on wavelengths, and no band of {without} says its 'wavelength_nm'")
        self.sources = tuple(source for source in self.sources if source not in without)
        self._shares, self._limit = shares, limit

    def change_values(
        self,
        source: str,
        values: Tensor,
        valid: Tensor,  # noqa: ARG002
        random: Sequence[np.random.Generator],
    ) -> Tensor:
        """See :class:`ValueChange`."""
        std = per_channel(self.described.std[source] * self._shares[source], values)
        return values + self._limit * uniform(random, values, low=0.0) * std


def _shares(spec: RasterSpec, exponent: float) -> Tensor:
    """Return the share of each band in the shift; nothing where it says no wavelength."""
    lengths = [band.wavelength_nm for band in spec.used]
    shortest = min((length for length in lengths if length), default=0.0)
    return torch.tensor([(shortest / length) ** exponent if length else 0.0 for length in lengths])

"""Changes to the values of some sources."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from torch import Tensor

from groundwork.data.augmentation.base import Augmentation, Described, Pixels
from groundwork.errors import SpecError
from groundwork.strict import did_you_mean


class ValueChange(Augmentation, ABC):
    """Changes values and nothing else, of each source by draws of its own."""

    def __init__(self, described: Described, sources: Sequence[str]) -> None:
        """Keep which sources are changed.

        Args:
            described: What is known of chips.
            sources: Names. None: all.

        Raises:
            SpecError: For a source that there is not.
        """
        self.described = described
        self.sources = chosen_sources(described, sources)

    @abstractmethod
    def change_values(
        self, source: str, values: Tensor, valid: Tensor, random: Sequence[np.random.Generator]
    ) -> Tensor:
        """Return changed values; what becomes of those that are not valid is of no matter.

        Args:
            source: Its name.
            values: (batch, channels[, steps], height, width).
            valid: Where they hold data (batch[, steps], height, width).
            random: Generator of each chip.
        """

    def change(self, pixels: Pixels, random: Sequence[np.random.Generator]) -> Pixels:
        """See :class:`Augmentation`."""
        changed = {
            source: self.change_values(source, pixels.values[source], pixels.valid[source], random)
            for source in self.sources
        }
        return replace(pixels, values={**pixels.values, **changed})


def chosen_sources(described: Described, sources: Sequence[str]) -> tuple[str, ...]:
    """Return the names of sources that are changed, in their order; all where none is named.

    Raises:
        SpecError: For a source that there is not.
    """
    known = sorted(described.inputs)
    for name in sources:
        if name not in known:
            raise SpecError(f"there is no source '{name}'.{did_you_mean(name, known)} Known: {known}")
    return tuple(sorted(set(sources))) or tuple(known)


def per_channel(numbers: Tensor, values: Tensor) -> Tensor:
    """Return one number for each channel (channels,) in the axes, type and device of values (batch, channels, ...)."""
    return numbers.to(values).reshape(1, -1, *[1] * (values.ndim - 2))

"""What the table says of each chip beside its pixels, kept as arrays that worker processes share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from groundwork.batch import Chip, Patch
from groundwork.data import sample_table as table
from groundwork.data.overlap import count_once
from groundwork.data.texts import Texts
from groundwork.specs import RasterSpec

if TYPE_CHECKING:
    # It takes memory that maps do not need.
    import pandas as pd


class ChipFacts:
    """Names, dates and places of chips, and which of their pixels count."""

    def __init__(self, samples: pd.DataFrame, inputs: Mapping[str, RasterSpec]) -> None:
        """Keep them.

        Args:
            samples: The rows of the chips.
            inputs: Source -> what its rasters hold.
        """
        self._ids = Texts(samples[table.SAMPLE_ID])
        self._locations = table.locations(samples)
        dates = {source: table.dates(samples, source, spec.steps) for source, spec in inputs.items()}
        self._dates = {source: known for source, known in dates.items() if known is not None}
        self._covered = count_once(samples)

    def __len__(self) -> int:
        return len(self._ids)

    def name(self, index: int) -> str:
        """Return the name of one chip."""
        return self._ids[index]

    def chip(self, index: int, patch: Patch) -> Chip:
        """Return one chip, given its pixels."""
        return Chip(
            sample_id=self._ids[index],
            patch=patch,
            counted=self._counted(index, patch.size) if self._covered else None,
            dates={source: dates[index] for source, dates in self._dates.items()},
            location=None if self._locations is None else self._locations[index],
        )

    def elsewhere(self, index: int, patch: Patch, shift: tuple[int, int], place: tuple[float, float] | None) -> Chip:
        """Return what was read elsewhere in the scene of a chip.

        Args:
            index: Number of the chip.
            patch: The pixels.
            shift: Rows and columns from the chip.
            place: Latitude and longitude in degrees.
        """
        location = None if self._locations is None else self._locations[index]
        return Chip(
            sample_id=f"{self._ids[index]}{shift[0]:+d}{shift[1]:+d}",
            patch=patch,
            dates={source: dates[index] for source, dates in self._dates.items()},
            location=location if location is None or place is None else np.array(place, np.float32),
        )

    def _counted(self, index: int, size: tuple[int, int]) -> NDArray[np.bool_]:
        counted = np.ones(size, np.bool_)
        for rows, columns in self._covered.of(index):
            counted[rows, columns] = False
        return counted

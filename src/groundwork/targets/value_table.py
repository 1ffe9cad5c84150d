"""Look up whole numbers in a table, which is much faster than a search among those that mean something."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Most neighbouring values of a table: as many as 16 bits have.
LONGEST = 2**16
#: Most values beside those of a table, such as the nodata of a file; of more, a search is as fast.
MOST_BEYOND = 4
#: Largest whole number that float64 tells from its neighbours.
EXACT = 2.0**53


@dataclass(frozen=True, slots=True)
class ValueTable:
    """What neighbouring values of one data type stand for, and few others."""

    first: int
    #: What each value from the first on stands for, and what none does; short numbers, as less memory is asked for.
    entries: NDArray[np.int16]
    #: Further values -> what each stands for.
    beyond: dict[float, int]

    def look_up(self, found: NDArray[np.generic]) -> NDArray[np.int16]:
        """Return what each value stands for; the values are of the data type that the table was made for."""
        bits = np.dtype(f"u{found.dtype.itemsize}")
        # What is smaller than the first wraps around, and lies behind the last as well.
        steps = found.view(bits) - bits.type(self.first % 256**bits.itemsize)
        none = len(self.entries) - 1
        if none < 256**bits.itemsize:
            np.minimum(steps, bits.type(none), out=steps)
        # Numbers of 64 bits without a sign cannot be indexes.
        entries: NDArray[np.int16] = self.entries.take(steps if bits != np.uint64 else steps.view(np.int64))
        if self.beyond and bool((steps == none).any()):
            for value, entry in self.beyond.items():
                np.putmask(entries, found == value, entry)
        return entries


def tabulate(
    dtype: np.dtype[Any],
    values: NDArray[np.float64],
    search: Callable[[NDArray[np.generic]], NDArray[np.int64]],
    nothing: int,
) -> ValueTable | None:
    """Make the table of a data type of whole numbers. None: too many values lie too far from one another.

    Args:
        dtype: Of what will be looked up.
        values: All that stand for something, sorted.
        search: Returns what values stand for.
        nothing: What it returns for those that stand for nothing.
    """
    lowest, highest = int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)
    possible = values[(values >= lowest) & (values <= highest)]
    first, last = (lowest, highest) if dtype.itemsize <= np.dtype(np.int16).itemsize else _densest(possible)
    beyond = possible[(possible < first) | (possible > last)]
    if len(beyond) > MOST_BEYOND:
        return None
    entries = search(np.arange(last - first + 1).astype(dtype) + dtype.type(first))
    others = dict(zip(beyond.tolist(), search(beyond).tolist(), strict=True))
    return ValueTable(first, np.append(entries, nothing).astype(np.int16), others)


def _densest(values: NDArray[np.float64]) -> tuple[int, int]:
    """Return the first and the last of the neighbours, as many as a table has, that most values are among."""
    whole = values[(values == np.floor(values)) & (abs(values) <= EXACT)]
    if not len(whole):
        return 0, 0
    stops = np.searchsorted(whole, whole + LONGEST)
    start = int(np.argmax(stops - np.arange(len(whole))))
    return int(whole[start]), int(whole[stops[start] - 1])

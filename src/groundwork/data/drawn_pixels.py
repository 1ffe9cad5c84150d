"""Draw pixels of chips from a seed, from all chips alike: what is fitted on single pixels is fitted on these."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from groundwork.errors import DataError


@dataclass(frozen=True, slots=True)
class PixelDraw:
    """Which chips are looked at, and which pixels of each."""

    #: Numbers of the chips, in order.
    chips: tuple[int, ...]
    #: Most pixels of each.
    share: int
    seed: int

    def choose(self, chip: int, known: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return some of the numbers of a chip's known pixels, in the order of the draw."""
        return np.random.default_rng([self.seed, chip]).permutation(known)[: self.share]


def draw_pixels(num_chips: int, num_pixels: int, seed: int) -> PixelDraw:
    """Return a draw of so many pixels at most; of more chips than that, some are left out.

    Args:
        num_chips: How many chips there are.
        num_pixels: Most pixels of all.
        seed: Of the draw.

    Raises:
        DataError: Where there are none.
    """
    if not num_chips:
        raise DataError(
            "The sample table has no sample of the split 'train', and what is fitted on single pixels, such as the "
            "baselines of an evaluation, is fitted on its pixels. Split the samples so that it has some."
        )
    chips = np.arange(num_chips)
    if num_pixels < num_chips:
        chips = np.sort(np.random.default_rng(seed).permutation(chips)[:num_pixels])
    return PixelDraw(tuple(chips.tolist()), num_pixels // max(len(chips), 1), seed)

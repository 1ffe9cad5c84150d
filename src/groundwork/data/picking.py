"""Pick some of many."""

from __future__ import annotations

import numpy as np


def evenly(count: int, most: int) -> list[int]:
    """Return the numbers of at most ``most`` of ``count`` things, the first and the last among them, rising."""
    picked: list[int] = np.unique(np.linspace(0, count - 1, min(most, count)).astype(int)).tolist()
    return picked

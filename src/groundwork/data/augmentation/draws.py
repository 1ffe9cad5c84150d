"""Numbers that are drawn for the chips of a batch, each by its own generator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, TypeAlias

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

#: How likely something is.
Chance: TypeAlias = Annotated[float, Field(ge=0, le=1)]
#: An amount of which there must be some.
Positive: TypeAlias = Annotated[float, Field(gt=0, allow_inf_nan=False)]


def uniform(random: Sequence[np.random.Generator], like: Tensor, low: float = -1.0, count: int = 1) -> Tensor:
    """Return numbers between ``low`` and 1 for each chip, (batch, count, 1, ...) with as many axes as ``like``.

    Args:
        random: Generator of each chip.
        like: Whose axes, type and device the numbers take.
        low: The lower limit.
        count: How many of them a chip is given.
    """
    numbers = np.stack([each.uniform(low, 1.0, count) for each in random])
    return torch.from_numpy(numbers).to(like).reshape(len(random), count, *[1] * (like.ndim - 2))


def happens(random: Sequence[np.random.Generator], chance: float) -> list[bool]:
    """Return for each chip whether something happens that has such a chance."""
    return [each.random() < chance for each in random]

"""Weights and images that follow from their names alone, so that two programs can hold the same ones."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor


def numbers_of(name: str, shape: tuple[int, ...]) -> Tensor:
    """Return numbers of mean 0 and deviation 1, the same ones for a name in every version of numpy."""
    random = np.random.RandomState(zlib.crc32(name.encode()) % 2**31)
    return torch.from_numpy((3**0.5 * random.uniform(-1, 1, shape)).astype(np.float32))


def weight_of(name: str, shape: tuple[int, ...]) -> Tensor:
    """Return a weight: small, but for norms, whose weights and variances lie around 1."""
    if name.endswith("num_batches_tracked"):
        return torch.tensor(3)
    numbers = numbers_of(name, shape)
    if name.endswith("running_var") or (name.endswith("weight") and len(shape) == 1):
        return 1 + 0.2 * numbers
    fan_in = max(1, int(np.prod(shape[1:], dtype=int)))
    return numbers * (0.1 if len(shape) == 1 else 1.2 / fan_in**0.5)


def unfold(names: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    """Return name -> shape, where ``*4`` in a name stands for 0, 1, 2 and 3."""
    found: dict[str, tuple[int, ...]] = {}
    for name, shape in names.items():
        start, star, rest = name.partition("*")
        count, dot, end = rest.partition(".")
        copies = [f"{start}{index}{dot}{end}" for index in range(int(count))] if star else [name]
        found |= dict.fromkeys(copies, tuple(shape))
    return found

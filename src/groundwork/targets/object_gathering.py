"""Bring the objects of images together that several processes have found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from groundwork.targets.kind import Gather
from groundwork.targets.object_matching import ImageObjects

#: What is known of each that was found, and of each that is there: field -> shape of an entry and its type.
_FOUND: dict[str, tuple[tuple[int, ...], type[Any]]] = {
    "found": ((4,), np.float64),
    "scores": ((), np.float64),
    "known": ((), np.bool_),
}
_THERE: dict[str, tuple[tuple[int, ...], type[Any]]] = {"there": ((4,), np.float64), "judged": ((), np.bool_)}


def gather_objects(
    images: Sequence[Sequence[ImageObjects]], num_classes: int, gather: Gather
) -> list[list[ImageObjects]]:
    """Return the objects of the images of all processes, one entry per class, in the order of the processes."""
    parts = [part for image in images for part in image]
    sizes = np.array([[len(part.found), len(part.there)] for part in parts], np.int64).reshape(-1, 2)
    lengths = [size.numpy() for size in gather(torch.from_numpy(sizes))]
    arrays = {
        name: [part.numpy() for part in gather(torch.from_numpy(_joined(parts, name, shape, kind)))]
        for name, (shape, kind) in (_FOUND | _THERE).items()
    }
    everything: list[ImageObjects] = []
    for process, size in enumerate(lengths):
        cut = {
            name: np.split(values[process], size[:, 0 if name in _FOUND else 1].cumsum())
            for name, values in arrays.items()
        }
        everything += [ImageObjects(*(cut[name][index] for name in _FOUND | _THERE)) for index in range(len(size))]
    return [everything[start : start + num_classes] for start in range(0, len(everything), num_classes)]


def _joined(parts: Sequence[ImageObjects], name: str, shape: tuple[int, ...], kind: type[Any]) -> NDArray[Any]:
    return np.concatenate([np.zeros((0, *shape), kind), *(getattr(part, name) for part in parts)])

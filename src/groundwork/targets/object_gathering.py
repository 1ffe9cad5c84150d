"""Bring the objects of images together that several processes have found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from groundwork.targets.kind import Gather
from groundwork.targets.object_matching import ImageObjects, MaskOverlaps

#: What is known of each that was found, and of each that is there: field -> shape of an entry and its type.
_FOUND: dict[str, tuple[tuple[int, ...], type[Any]]] = {
    "found": ((4,), np.float64),
    "scores": ((), np.float64),
    "known": ((), np.bool_),
}
_THERE: dict[str, tuple[tuple[int, ...], type[Any]]] = {"there": ((4,), np.float64), "judged": ((), np.bool_)}


def gather_objects(
    images: Sequence[Sequence[ImageObjects]], num_classes: int, gather: Gather, *, masks: bool = False
) -> list[list[ImageObjects]]:
    """Return the objects of the images of all processes, one entry per class, in the order of the processes.

    Args:
        images: Of this process.
        num_classes: Number of classes.
        gather: Returns what each process has.
        masks: Whether objects are judged by their pixels.
    """
    parts = [part for image in images for part in image]
    sizes = np.array([[len(part.found), len(part.there)] for part in parts], np.int64).reshape(-1, 2)
    lengths = [size.numpy() for size in gather(torch.from_numpy(sizes))]
    columns = {
        name: _of_all([getattr(part, name) for part in parts], shape, kind, gather)
        for name, (shape, kind) in (_FOUND | _THERE).items()
    }
    overlaps = _gather_overlaps(parts, gather) if masks else None
    everything: list[ImageObjects] = []
    for process, size in enumerate(lengths):
        cut = {
            name: np.split(values[process], size[:, 0 if name in _FOUND else 1].cumsum())
            for name, values in columns.items()
        }
        found = [_image({name: values[index] for name, values in cut.items()}) for index in range(len(size))]
        if overlaps is not None:
            compared = _overlaps_of(size, *(part[process] for part in overlaps))
            found = [replace(part, masks=entry) for part, entry in zip(found, compared, strict=True)]
        everything += found
    return [everything[start : start + num_classes] for start in range(0, len(everything), num_classes)]


def _image(values: Mapping[str, NDArray[Any]]) -> ImageObjects:
    return ImageObjects(values["found"], values["scores"], values["known"], values["there"], values["judged"])


def _gather_overlaps(parts: Sequence[ImageObjects], gather: Gather) -> list[list[NDArray[Any]]]:
    masks = [part.masks for part in parts if part.masks is not None]
    flat = [
        [entry.shares.ravel() for entry in masks],
        [entry.found for entry in masks],
        [entry.there for entry in masks],
    ]
    return [_of_all(values, (), np.float64, gather) for values in flat]


def _overlaps_of(
    sizes: NDArray[np.int64], shares: NDArray[np.float64], found: NDArray[np.float64], there: NDArray[np.float64]
) -> list[MaskOverlaps]:
    """Return the overlaps of each image and class, of which one process has all in a row.

    Args:
        sizes: How many were found and are there in each.
        shares: Of all.
        found: Areas of all that were found.
        there: Areas of all that are there.
    """
    ends = [count.cumsum() for count in (sizes.prod(axis=1), sizes[:, 0], sizes[:, 1])]
    cut = [np.split(values, end) for values, end in zip((shares, found, there), ends, strict=True)]
    return [
        MaskOverlaps(cut[0][index].reshape(size), cut[1][index], cut[2][index])
        for index, size in enumerate(map(tuple, sizes.tolist()))
    ]


def _of_all(
    values: Sequence[NDArray[Any]], shape: tuple[int, ...], kind: type[Any], gather: Gather
) -> list[NDArray[Any]]:
    """Return the values of each process, one behind the other."""
    joined = np.concatenate([np.zeros((0, *shape), kind), *values])
    return [part.numpy() for part in gather(torch.from_numpy(joined))]

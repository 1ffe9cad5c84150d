"""Objects of packed chips: those of all chips of a split one behind the other, and where those of each begin."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from groundwork.batch import Objects

#: The array that says with which object each chip begins, and how many there are (chips + 1,).
STARTS = "objects/starts"
_BOXES, _LABELS, _MASKS = "objects/boxes", "objects/labels", "objects/masks"
#: That of centres, which stores of former versions lack.
CENTERS = "objects/centers"


class ObjectWriter:
    """Writes the objects of chips one chip after the other; masks in one bit for each pixel. A context manager."""

    def __init__(self, files: Mapping[str, Path], first: Objects | None) -> None:
        """Open the files.

        Args:
            files: Name of an array, see :func:`names_of`, -> the file that it is written to.
            first: The objects of any chip. None: there are none to write.
        """
        self._files, self._first = files, {} if first is None else _arrays_of(first)
        self._starts = [0]
        self._stack, self._opened = ExitStack(), dict[str, BinaryIO]()

    def __enter__(self) -> ObjectWriter:
        """Begin."""
        for name, part in self._first.items():
            file = self._opened[name] = self._stack.enter_context(self._files[name].open("wb"))
            write_header(file, part.dtype, (0, *part.shape[1:]))
        return self

    def add(self, objects: Objects | None) -> None:
        """Write those of the next chip."""
        if objects is None:
            return
        for name, part in _arrays_of(objects).items():
            self._opened[name].write(np.ascontiguousarray(part).data)
        self._starts.append(self._starts[-1] + len(objects.labels))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Write how many there were, for which headers leave room."""
        with self._stack:
            for name, file in self._opened.items():
                file.seek(0)
                like = self._first[name]
                write_header(file, like.dtype, (self._starts[-1], *like.shape[1:]))
        if self._opened:
            np.save(self._files[STARTS], np.array(self._starts, np.int64), allow_pickle=False)


def names_of(objects: Objects | None) -> list[str]:
    """Return the names of the arrays that objects are packed as; none where a target does not ask for objects."""
    return [] if objects is None else [*_arrays_of(objects), STARTS]


def unpack_objects(arrays: Mapping[str, NDArray[np.generic]], index: int, size: tuple[int, int]) -> Objects | None:
    """Return the objects of a chip. None: none were packed.

    Args:
        arrays: By name.
        index: Number of the chip.
        size: Its height and width.
    """
    if STARTS not in arrays:
        return None
    start, stop = (int(place) for place in arrays[STARTS][index : index + 2])
    boxes, labels, centers = (np.array(arrays[name][start:stop]) for name in (_BOXES, _LABELS, CENTERS))
    masks = None
    if _MASKS in arrays:
        bits = np.unpackbits(arrays[_MASKS][start:stop].astype(np.uint8, copy=False), axis=1, count=size[0] * size[1])
        masks = bits.reshape(-1, *size)
    boxes, centers = (part.astype(np.float32, copy=False) for part in (boxes, centers))
    return Objects(boxes, labels.astype(np.int64, copy=False), centers, masks)


def _arrays_of(objects: Objects) -> dict[str, NDArray[np.generic]]:
    parts: dict[str, NDArray[np.generic]] = {_BOXES: objects.boxes, _LABELS: objects.labels, CENTERS: objects.centers}
    if objects.masks is not None:
        height, width = objects.masks.shape[1:]
        parts[_MASKS] = np.packbits(objects.masks.reshape(-1, height * width), axis=1)
    return parts


def write_header(file: BinaryIO, dtype: np.dtype[np.generic], shape: tuple[int, ...]) -> None:
    """Write what a file of ``.npy`` begins with; it is as long whatever the number on the first axis."""
    described = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, described)

"""How far a TIFF reaches by its own word: what is cut off is shorter."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

import numpy as np

_BIG = 43
#: Tags that say where the blocks of an image begin, and the tags that say how many bytes each has: of tiles, of strips.
_PLACES = {324: 325, 273: 279}
#: Types of whole numbers, as NumPy calls them.
_TYPES = {3: "u2", 4: "u4", 16: "u8"}


def end_of_blocks(path: Path) -> int | None:
    """Return the byte behind the last block that a TIFF names, of all of its images, overviews and masks.

    See https://www.awaresystems.be/imaging/tiff/bigtiff.html for both kinds of it.

    Args:
        path: A file that opens as a GeoTIFF.

    Returns:
        None: what names the blocks is cut off itself.
    """
    try:
        with path.open("rb") as file:
            start = file.read(16)
            order = "<" if start[:2] == b"II" else ">"
            is_big = struct.unpack_from(order + "H", start, 2)[0] == _BIG
            (place,) = struct.unpack_from(order + ("Q" if is_big else "I"), start, 8 if is_big else 4)
            end, seen = 0, set()
            while place and place not in seen:
                seen.add(place)
                last, place = _directory(file, place, order, is_big)
                end = max(end, last)
            return end
    except (struct.error, ValueError):
        return None


def _directory(file: BinaryIO, place: int, order: str, is_big: bool) -> tuple[int, int]:
    """Return the byte behind the last block that a directory names, and where the next directory lies."""
    file.seek(place)
    head, entry, word = ("Q", "HHQ", "Q") if is_big else ("H", "HHI", "I")
    (count,) = struct.unpack(order + head, file.read(struct.calcsize(order + head)))
    size = struct.calcsize(order + entry + word)
    entries = file.read(count * size)
    (following,) = struct.unpack(order + word, file.read(struct.calcsize(order + word)))
    said = {}
    for number in range(count):
        tag, kind, length = struct.unpack_from(order + entry, entries, number * size)
        if tag in _PLACES or tag in _PLACES.values():
            dtype = np.dtype(order + _TYPES[kind]) if kind in _TYPES else None
            value = entries[number * size + struct.calcsize(order + entry) : (number + 1) * size]
            said[tag] = _numbers(file, dtype, length, value, order + word)
    ends = [said[places] + said[sizes] for places, sizes in _PLACES.items() if places in said and sizes in said]
    return max((int(end.max()) for end in ends if len(end)), default=0), following


def _numbers(
    file: BinaryIO, dtype: np.dtype[np.generic] | None, length: int, value: bytes, word: str
) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    if dtype is None:
        raise ValueError("places of blocks are whole numbers")
    size = length * dtype.itemsize
    if size > len(value):
        file.seek(struct.unpack(word, value)[0])
        value = file.read(size)
    return np.frombuffer(value, dtype, length).astype(np.int64)

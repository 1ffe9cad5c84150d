"""What STAC states of a file before it is opened."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StatedBand:
    """What is stated of one band. None: nothing is."""

    dtype: str | None = None
    nodata: float | None = None
    scale: float | None = None
    offset: float | None = None


@dataclass(frozen=True, slots=True)
class StatedFile:
    """What is stated of a file."""

    #: Item and asset, for messages.
    name: str
    bands: tuple[StatedBand, ...] = ()
    #: Such as ``EPSG:32632``.
    crs: str | None = None
    transform: tuple[float, ...] | None = None
    #: Height and width.
    shape: tuple[int, int] | None = None
    #: In bytes.
    size: int | None = None
    #: A multihash: two digits or more for the kind of hash, two for its length in bytes, and the hash.
    checksum: str | None = None


#: Of the file of a date that has none.
NOTHING_STATED = StatedFile("")

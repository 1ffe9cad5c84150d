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
class StatedName:
    """What a band is called, and what it sees. None: nothing is stated."""

    name: str | None = None
    #: Of those that STAC has for all sensors, such as ``red`` and ``nir08``.
    common_name: str | None = None
    #: Centre of the band in nanometres.
    wavelength_nm: float | None = None


@dataclass(frozen=True, slots=True)
class StatedFile:
    """What is stated of a file."""

    #: Item and asset, for messages.
    name: str
    bands: tuple[StatedBand, ...] = ()
    #: Of each of its bands, where they are not listed.
    every: StatedBand | None = None
    #: Whether the offset that is stated was added to the values already, so that they have none any more.
    is_offset_added: bool = False
    #: Such as ``EPSG:32632``.
    crs: str | None = None
    transform: tuple[float, ...] | None = None
    #: Height and width.
    shape: tuple[int, int] | None = None
    #: Of the bands in the order of the file; fewer where not all are named.
    names: tuple[StatedName, ...] = ()
    #: In bytes.
    size: int | None = None
    #: A multihash: two digits or more for the kind of hash, two for its length in bytes, and the hash.
    checksum: str | None = None


#: Of the file of a date that has none.
NOTHING_STATED = StatedFile("")

"""Coordinates of the axes of an array: arrays of one axis that lie beside it, and are called as the axis is."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import rasterio
from numpy.typing import NDArray

from groundwork.rasters.addresses import Address, array_at, name_inside
from groundwork.rasters.array_vrt import add_array


@dataclass(frozen=True, slots=True)
class Coordinates:
    """Places along an axis."""

    #: With the scale and the offset that the file says of them.
    values: NDArray[np.float64]
    #: What they are counted in. Empty: nothing says it.
    units: str
    #: Of dates. Empty: nothing says it.
    calendar: str


def read_coordinates(path: Path, name: str) -> Coordinates:
    """Read the coordinates of an axis.

    Args:
        path: An array, with its whole name, or a file that holds no other.
        name: Of the axis.

    Raises:
        rasterio.errors.RasterioError: Where there are none, or none that are numbers.
        RasterError: Where no ending says which kind of file it is.
    """
    kind, file, array = array_at(path) or (None, str(path), "/")
    group = f"{array.rpartition('/')[0]}/"
    place = Address(name_inside(file, f"{group}{name}", kind))
    with _nodata_untold(), rasterio.open(str(place)) as said:
        tags = {**said.tags(), **said.tags(1)}
        units, length = tags.get("units") or said.units[0] or "", said.width * said.height
        scale, offset = said.scales[0], said.offsets[0]
    # What GDAL takes for longitudes it brings near 0 where it reads them as a raster, and not where a VRT does.
    root = ET.Element("VRTDataset", rasterXSize=str(length), rasterYSize="1")
    add_array(ET.SubElement(root, "VRTRasterBand", dataType="Float64", band="1"), file, f"{group}{name}", "newaxis,:")
    with rasterio.open(ET.tostring(root, encoding="unicode")) as numbers:
        values = numbers.read(1)[0] * scale + offset
    return Coordinates(values, units, tags.get("calendar", "").lower())


@contextmanager
def _nodata_untold() -> Iterator[None]:
    """Keep quiet that GDAL tells the nodata of whole numbers of 64 bits, as dates are, not to their last digit."""
    log = logging.getLogger("rasterio._env")
    log.addFilter(_says_more)
    try:
        yield
    finally:
        log.removeFilter(_says_more)


def _says_more(record: logging.LogRecord) -> bool:
    return "GetNoDataValue() returns an approximate value" not in record.getMessage()

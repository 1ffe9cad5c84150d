"""Prove that a file holds what was written: errors of a full disk do not reach the writer of a GeoTIFF.

GDAL writes blocks when its cache is full or the file is closed, and what fails then is only printed.
"""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import TypeAlias

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.io import DatasetReader
from rasterio.windows import Window

from groundwork.rasters.stream import RasterProfile

#: Windows, and the checksum of the pixels (bands, height, width) that were written there.
Checksums: TypeAlias = list[tuple[Window, int]]


class DamagedError(ValueError):
    """A file does not hold what was written."""


def checksum(pixels: NDArray[np.generic]) -> int:
    """Return the CRC-32 of pixels; alike for values that are equal, as a sparse file keeps no sign of zero."""
    if pixels.dtype.kind == "f":
        pixels = np.where(np.isnan(pixels), np.nan, pixels).astype(pixels.dtype)
        pixels[pixels == 0] = 0
    return zlib.crc32(pixels.tobytes())


def compare(path: Path, raw: Path, profile: RasterProfile, written: Checksums) -> None:
    """Read a file and its overviews back.

    Args:
        path: The finished file.
        raw: The file that it was made of.
        profile: What it should hold.
        written: Checksums of its blocks.

    Raises:
        DamagedError: Where something differs; it says what.
        RasterioError: Where the file cannot be read.
    """
    with rasterio.open(path) as raster, rasterio.open(raw) as before:
        _compare_headers(raster, before, profile)
        _compare_pixels(raster, written, "finished file")
        levels = len(raster.overviews(1))
    for level in range(levels):
        with rasterio.open(path, overview_level=level) as overview:
            for _, window in overview.block_windows(1):
                overview.read(window=window)


def compare_plain(path: Path, written: Checksums) -> None:
    """Read the pixels of a file back that holds blocks as they were written.

    Raises:
        DamagedError: Where something differs; it says what.
        RasterioError: Where the file cannot be read.
    """
    with rasterio.open(path) as raster:
        _compare_pixels(raster, written, "file")


def _compare_headers(raster: DatasetReader, before: DatasetReader, profile: RasterProfile) -> None:
    found = (raster.width, raster.height, raster.count, raster.dtypes[0], raster.descriptions)
    expected = (profile.grid.width, profile.grid.height, len(profile.bands), profile.dtype, tuple(profile.bands))
    if found != expected:
        raise DamagedError(f"the finished file has {found} instead of {expected}")
    # GeoTIFF says some CRS in other words than they were given in, so the file that was written first is asked.
    if (raster.crs is None) != (profile.grid.crs is None) or raster.crs != before.crs:
        raise DamagedError(f"the finished file has the CRS {raster.crs} instead of {before.crs}")
    if raster.transform != before.transform:
        raise DamagedError(f"the finished file has the geotransform {raster.transform} instead of {before.transform}")


def _compare_pixels(raster: DatasetReader, written: Checksums, name: str) -> None:
    for window, known in written:
        if checksum(raster.read(window=window)) != known:
            row, column = int(window.row_off), int(window.col_off)
            raise DamagedError(f"the {name} holds other pixels from row {row}, column {column} on")

"""What was sent is a single GeoTIFF of a size that can be worked on, before anything is read of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import rasterio
from rasterio.errors import RasterioError

from groundwork.serving.refusals import RefusedError, too_large

#: How files of TIFF and BigTIFF begin. No other format is opened: some name further files that would be read.
_BEGINNINGS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
#: Bytes of a block of a file, which is decoded as a whole.
_LARGEST_BLOCK = 512 * 2**20


def require_raster(path: Path, most_pixels: int, has_area: bool) -> None:
    """Refuse what is no GeoTIFF, and one that is too large.

    Args:
        path: What was sent.
        most_pixels: That are predicted.
        has_area: Whether only a part of it is.

    Raises:
        RefusedError: With what was found.
    """
    with path.open("rb") as file:
        start = file.read(4)
    if start not in _BEGINNINGS:
        raise RefusedError(415, f"Found {path.stat().st_size} bytes that begin with {start!r}; expected a GeoTIFF.")
    try:
        with rasterio.open(path, driver="GTiff") as dataset:
            pixels = dataset.width * dataset.height
            height, width = dataset.block_shapes[0]
            block = height * width * dataset.count * np.dtype(dataset.dtypes[0]).itemsize
    except RasterioError as error:
        raise RefusedError(422, f"The GeoTIFF cannot be read: {error}") from error
    if pixels > most_pixels and not has_area:
        raise too_large(f"The raster has {pixels} pixels", f"{most_pixels} pixels")
    if block > _LARGEST_BLOCK:
        raise RefusedError(
            413,
            f"The raster is made of blocks of {width} x {height} pixels, each of which must be decoded as a whole. "
            "Write it in tiles, such as by 'rio convert --co tiled=true'.",
        )

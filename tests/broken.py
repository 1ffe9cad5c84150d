"""Blocks of GeoTIFFs that cannot be decoded."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest
import rasterio
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.windows import Window


def break_block(path: Path, row: int, column: int, band: int = 1) -> Window:
    """Overwrite a compressed block of a GeoTIFF, and return its window; GDAL is asked whether it fails there."""
    with rasterio.open(path) as raster:
        place, size = (
            int(raster.get_tag_item(f"BLOCK_{what}_{column}_{row}", "TIFF", bidx=band)) for what in ("OFFSET", "SIZE")
        )
        window: Window = raster.block_window(band, row, column)
    with path.open("r+b") as file:
        file.seek(place)
        file.write(b"\xff" * size)
    with rasterio.open(path) as raster, pytest.raises(RasterioError):
        raster.read(band, window=window)
    return window


def break_mask(path: Path, row: int, column: int) -> tuple[int, int]:
    """Overwrite that block of a GeoTIFF's mask which holds a pixel, and return the height and width of its blocks."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(f"GTIFF_DIR:2:{path}") as mask:
            height, width = mask.block_shapes[0]
            name = f"{column // width}_{row // height}"
            place, size = (
                int(mask.get_tag_item(f"BLOCK_{what}_{name}", "TIFF", bidx=1)) for what in ("OFFSET", "SIZE")
            )
    with path.open("r+b") as file:
        file.seek(place)
        file.write(b"\xff" * size)
    with rasterio.open(path) as raster, pytest.raises(RasterioError):
        raster.read_masks(1)
    return height, width

"""Small pictures of large rasters, read from their overviews."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rasterio.enums import ColorInterp, Resampling

from groundwork.rasters.scene import open_dataset


def stretch(values: NDArray[np.generic], valid: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Map each band's 2nd to 98th percentile of the valid pixels to 0..255; what is not valid becomes white.

    Args:
        values: (bands, height, width).
        valid: (height, width).

    Returns:
        (height, width, bands).
    """
    picture = np.full((*valid.shape, len(values)), 255, np.uint8)
    if not valid.any():
        return picture
    for index, band in enumerate(values.astype(np.float32)):
        low, high = np.percentile(band[valid], [2, 98])
        scaled = np.clip((band - low) / max(float(high - low), 1e-6), 0, 1) * 255
        picture[..., index] = np.where(valid, np.nan_to_num(scaled, nan=255.0), 255).astype(np.uint8)
    return picture


def read_small(path: Path, indexes: tuple[int, ...], most: int) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
    """Read bands thinned out to at most ``most`` pixels a side, from overviews where the file has any.

    Returns:
        Values (bands, height, width) and validity (height, width).
    """
    with open_dataset(path) as dataset:
        factor = max(1.0, max(dataset.width, dataset.height) / most)
        shape = (max(1, round(dataset.height / factor)), max(1, round(dataset.width / factor)))
        values = dataset.read(indexes, out_shape=(len(indexes), *shape), resampling=Resampling.nearest)
        valid = dataset.dataset_mask(out_shape=shape, resampling=Resampling.nearest) > 0
    if values.dtype.kind == "f":
        valid &= np.isfinite(values).all(axis=0)
    return values, valid


def picture(path: Path, indexes: tuple[int, ...], most: int) -> Image.Image:
    """Return a raster as a picture of at most ``most`` pixels a side: by its colour table, or stretched."""
    values, valid = read_small(path, indexes, most)
    with open_dataset(path) as dataset:
        colors = dataset.colormap(1) if dataset.colorinterp[0] is ColorInterp.palette else None
    if colors is None:
        return Image.fromarray(stretch(values, valid).squeeze())
    palette = np.full((256, 3), 255, np.uint8)
    palette[list(colors)] = [color[:3] for color in colors.values()]
    return Image.fromarray(np.where(valid[..., None], palette[values[0]], 255).astype(np.uint8))


def encoded_picture(path: Path, indexes: tuple[int, ...], most: int) -> str:
    """Return :func:`picture` as PNG in base64, as pages embed it."""
    buffer = io.BytesIO()
    picture(path, indexes, most).save(buffer, format="PNG")
    return base64.b64encode(buffer.getvalue()).decode()

"""Small pictures of large rasters, read from their overviews."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from rasterio.enums import ColorInterp, Resampling
from rasterio.windows import Window

from groundwork.rasters.grid import Grid
from groundwork.rasters.opening import open_dataset
from groundwork.rasters.validity import holds_data, masks_of, read_masks
from groundwork.rasters.windows import thinned


def stretch(values: NDArray[np.generic], valid: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Map each band's 2nd to 98th percentile of the valid pixels to 0..255; what is not valid becomes white.

    Args:
        values: (bands, height, width).
        valid: (height, width).

    Returns:
        (height, width, bands).
    """
    return stretched_as(values, values, valid)


def stretch_together(
    read: Sequence[tuple[NDArray[np.generic], NDArray[np.bool_]]],
) -> list[NDArray[np.uint8]]:
    """Return a picture of each, as :func:`stretch` does, in one scale of colours: what did not change looks the same.

    Args:
        read: Values (bands, height, width) and validity (height, width), all of one size.
    """
    values, valid = zip(*read, strict=True)
    return np.split(stretch(np.concatenate(values, axis=1), np.concatenate(valid)), len(read))


def stretched_as(values: NDArray[np.generic], like: NDArray[np.generic], valid: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Map values to 0..255 by the percentiles of other ones, as :func:`stretch` does, so that colours can be compared.

    Args:
        values: (bands, height, width).
        like: (bands, height, width).
        valid: (height, width).
    """
    picture = np.full((*valid.shape, len(values)), 255, np.uint8)
    if not valid.any():
        return picture
    for index, (band, other) in enumerate(zip(values.astype(np.float32), like.astype(np.float32), strict=True)):
        low, high = np.percentile(other[valid], [2, 98])
        scaled = np.clip((band - low) / max(float(high - low), 1e-6), 0, 1) * 255
        picture[..., index] = np.where(valid, np.nan_to_num(scaled, nan=255.0), 255).astype(np.uint8)
    return picture


def read_small(path: Path, indexes: tuple[int, ...], most: int) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
    """Read bands thinned out to at most ``most`` pixels a side, from overviews where the file has any.

    Returns:
        Values (bands, height, width) and validity (height, width).
    """
    with open_dataset(path) as dataset:
        shape = thinned(dataset.height, dataset.width, most)
        values = dataset.read(indexes, out_shape=(len(indexes), *shape), resampling=Resampling.nearest)
        has_alpha = dataset.count > 1 and dataset.colorinterp[-1] is ColorInterp.alpha and dataset.count != 4
        # GDAL takes the fourth of four 8-bit bands for an alpha band, whatever it holds.
        masks = masks_of(dataset, indexes, dataset.count - has_alpha)
        valid = read_masks(dataset, masks, Window(0, 0, dataset.width, dataset.height), shape)
        for band, nodata in zip(values, (dataset.nodatavals[index - 1] for index in indexes), strict=True):
            if nodata is not None and not np.isnan(nodata):
                valid = valid & holds_data(band[None], nodata)
    if values.dtype.kind == "f":
        valid = valid & np.isfinite(values).all(axis=0)
    return values, valid


def part_shown(grid: Grid, path: Path) -> Window | None:
    """Return which part of a scene's grid another raster shows. None: all of it, or what is no part of it."""
    if path.suffix == ".gpkg" or grid.crs is None:
        return None
    with open_dataset(path) as raster:
        if raster.crs != grid.crs:
            return None
        corners = [~grid.transform @ (raster.transform @ place) for place in ((0, 0), (raster.width, raster.height))]
    (left, top), (right, bottom) = corners
    # Cells of a raster may reach beyond the scene.
    columns, rows = (
        (max(round(left), 0), min(round(right), grid.width)),
        (max(round(top), 0), min(round(bottom), grid.height)),
    )
    if columns[0] >= columns[1] or rows[0] >= rows[1]:
        return None
    return Window(columns[0], rows[0], columns[1] - columns[0], rows[1] - rows[0])


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


def outlines(path: Path, most: int) -> Image.Image:
    """Return the features of a file as outlines on white, at most ``most`` pixels a side."""
    import geopandas  # noqa: PLC0415 - it loads slowly

    shapes = geopandas.read_file(path, engine="pyogrio").geometry
    edges = np.nan_to_num(shapes.total_bounds)
    scale = (most - 1) / max(edges[2] - edges[0], edges[3] - edges[1], 1e-9)
    width, height = (max(int((edges[index + 2] - edges[index]) * scale) + 1, 1) for index in (0, 1))
    drawn = Image.new("RGB", (min(width, most), min(height, most)), "white")
    canvas = ImageDraw.Draw(drawn)
    for shape in shapes.explode().exterior:
        points = (np.array(shape.coords) - [edges[0], edges[3]]) * [scale, -scale]
        canvas.line([(float(x), float(y)) for x, y in points], fill="black")
    return drawn


def encoded_picture(path: Path, indexes: tuple[int, ...], most: int) -> str:
    """Return a raster's :func:`picture`, or a vector file's :func:`outlines`, as PNG in base64, as pages embed it."""
    buffer = io.BytesIO()
    shown = outlines(path, most) if path.suffix == ".gpkg" else picture(path, indexes, most)
    shown.save(buffer, format="PNG")
    return base64.b64encode(buffer.getvalue()).decode()

"""Which pixels of a window of TorchGeo lie within its files: beyond them TorchGeo fills in a value, mostly 0."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from rasterio.features import geometry_mask
from rasterio.transform import from_bounds
from torch import Tensor
from torchgeo.datasets import GeoDataset

#: By so many pixels the sides of a window may differ from those of its image: datasets round each in its own way.
ROUNDED = 1.5


def is_whole_window(dataset: object, query: object, size: tuple[int, int]) -> bool:
    """Return whether an image has the pixels of its window; some datasets give its middle alone, or in other pixels.

    Args:
        dataset: What is read.
        query: Place and time of the window, or the number of a sample.
        size: Height and width of the image in pixels.
    """
    if not isinstance(dataset, GeoDataset) or not isinstance(query, tuple):
        return True
    x, y, _ = query
    width, height = dataset.res
    expected = (y.stop - y.start) / height, (x.stop - x.start) / width
    return all(abs(found - wanted) <= ROUNDED for found, wanted in zip(size, expected, strict=True))


def on_files(dataset: object, query: object, size: tuple[int, int]) -> NDArray[np.bool_]:
    """Return where images and labels of a window have a file each, (height, width).

    Of an image that is another part of the ground than its window, nobody knows where it lies: where the window does
    not lie on files as a whole, none of it does.

    Args:
        dataset: What is read. Only of one that knows where it lies can a window lie beyond its files.
        query: Place and time of the window, or the number of a sample.
        size: Height and width of the image in pixels.
    """
    whole = np.ones(size, np.bool_)
    if not isinstance(dataset, GeoDataset) or not isinstance(query, tuple):
        return whole
    x, y, time = query
    window = shapely.box(x.start, y.start, x.stop, y.stop)
    index: Any = dataset.index
    there = index.iloc[index.sindex.query(window, predicate="intersects")]
    parts = there.geometry[(there.index.left <= time.stop) & (there.index.right >= time.start)]
    near = [part for part in parts if part.area > 0]
    if any(part.covers(window) for part in near):
        return whole
    if not near or not is_whole_window(dataset, query, size):
        return ~whole
    transform = from_bounds(x.start, y.start, x.stop, y.stop, size[1], size[0])
    return np.asarray(geometry_mask(near, size, transform, invert=True), np.bool_)


def cut_to(
    part: NDArray[np.bool_], sample: Mapping[str, Any], tensors: Mapping[str, Tensor]
) -> tuple[dict[str, Any], NDArray[np.bool_]]:
    """Return a sample without the rows and columns in which no pixel is chosen, and what is chosen of the rest.

    Args:
        part: Which pixels are chosen, (height, width); one at least.
        sample: Of a window, with its ``bounds``.
        tensors: What of it has pixels (..., height, width), by name.
    """
    rows, columns = np.flatnonzero(part.any(axis=1)), np.flatnonzero(part.any(axis=0))
    (top, bottom), (left, right) = (rows[0], rows[-1] + 1), (columns[0], columns[-1] + 1)
    cut = {key: tensor[..., top:bottom, left:right] for key, tensor in tensors.items()}
    x, y, *time = sample["bounds"]
    height, width = (y.stop - y.start) / part.shape[0], (x.stop - x.start) / part.shape[1]
    bounds = (
        slice(x.start + left * width, x.start + right * width),
        slice(y.stop - bottom * height, y.stop - top * height),
        *time,
    )
    return {**sample, **cut, "bounds": bounds}, part[top:bottom, left:right]

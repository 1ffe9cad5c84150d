"""Read an array whose axes are not band, y, x: a view of it as a raster, of which windows are read as of any other."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from pathlib import Path

from rasterio.io import DatasetReader

from groundwork.errors import RasterError
from groundwork.rasters.addresses import Address
from groundwork.rasters.array_names import the_array
from groundwork.rasters.array_views import ArrayView, open_view
from groundwork.rasters.band_axes import axes_of_bands, lengths_of_bands, names_along, tags_of_axes
from groundwork.rasters.opening import open_dataset
from groundwork.specs import Axes

#: Names of axes that mean what they mean in `axes`.
_WORDS = ("time", "band", "y", "x")


def open_along(path: Path, axes: Axes | None, layout: str | None = None) -> DatasetReader:
    """Open a file as a raster.

    Args:
        path: The file, or an array in one.
        axes: The axes of the array, the outermost first. None: GDAL's own order, which is band, y, x.
        layout: How bands of several steps are stacked where ``axes`` has time. None: steps first.

    Raises:
        RasterError: Where it cannot be opened, or is no array with these axes.
    """
    plain = open_dataset(path)
    if axes is None:
        return plain
    with plain:
        lengths = _lengths(path, plain, axes)
        steps, bands = lengths.get("time", 1), lengths.get("band", 1)
        stacked = [(step, band) for step in range(steps) for band in range(bands)]
        if layout == "bands_first":
            stacked = [(step, band) for band in range(bands) for step in range(steps)]
        places = [",".join(_place(axis, step, band) for axis in axes) for step, band in stacked]
        outer = ("band", "time") if layout == "bands_first" else ("time", "band")
        # Those of the array, which may call its axis of bands otherwise.
        called = dict(zip(axes, axes_of_bands(plain), strict=False)).get("band")
        names = [] if called is None else names_along(plain, called)
        told = tags_of_axes({axis: {"time": steps, "band": bands}[axis] for axis in outer}, names)
        is_turned = axes.index("x") < axes.index("y")
        whole = the_array(path) if isinstance(path, Address) else path
        return open_view(whole, plain, ArrayView(lengths["y"], lengths["x"], places, told, is_turned=is_turned))


def _place(axis: str, step: int, band: int) -> str:
    return {"time": str(step), "band": str(band)}.get(axis, ":")


def _lengths(path: Path, plain: DatasetReader, axes: Axes) -> Mapping[str, int]:
    """Return how long each axis is. GDAL takes the last for x, the one before for y, and all others for bands."""
    names = axes_of_bands(plain)
    found = lengths_of_bands(plain) if names else [plain.count][: len(axes) - 2]
    shape = (*found, plain.height, plain.width)
    wrong = [(said, axis) for said, axis in zip(names, axes, strict=False) if said in _WORDS and said != axis]
    if wrong:
        expected = f"'{wrong[0][1]}', as 'axes' says"
        raise RasterError(path, f"the axis '{wrong[0][0]}'", expected, "Correct 'axes'.")
    if len(shape) != len(axes) or prod(found) != plain.count:
        said = " x ".join(map(str, (plain.count, plain.height, plain.width)))
        expected = f"one of {len(axes)} axes, {list(axes)}"
        raise RasterError(path, f"an array of {said}", expected, "Name all in 'axes', of arrays in NetCDF or Zarr.")
    return dict(zip(axes, shape, strict=True))

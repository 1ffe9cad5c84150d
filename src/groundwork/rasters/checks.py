"""Compare an opened file with its spec."""

from __future__ import annotations

from collections.abc import Sequence, Sized
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rasterio.enums import ColorInterp
from rasterio.io import DatasetReader
from rasterio.windows import Window

from groundwork.errors import RasterError
from groundwork.rasters.band_axes import names_of_bands
from groundwork.rasters.designations import check_designation
from groundwork.rasters.grid import Grid, name_crs
from groundwork.rasters.validity import holds_data, in_type, in_yaml
from groundwork.specs import Axes, BandSpec, RasterSpec
from groundwork.strict import did_you_mean

#: What netCDF writes where nothing was written (NC_FILL_FLOAT, https://docs.unidata.ucar.edu/netcdf-c).
NETCDF_FILL = float(np.float32(9.9692099683868690e36))

#: Share by which pixels may differ from the declared size where lengths change with the latitude, as in Web Mercator.
MOST_BETWEEN_LATITUDES = 0.1

#: How names of alpha bands begin, and of bands that have none.
_ALPHA = ("alpha", "mask", "band")
#: GDAL's drivers of files that hold arrays by name.
_OF_ARRAYS = {"HDF5", "HDF5Image", "Zarr"}


def check_count(dataset: DatasetReader, path: Path, expected: int, axes: Axes | None = None) -> None:
    """Refuse another number of bands than declared; an alpha band beside them is a mask, not a band.

    Args:
        dataset: The file.
        path: Of it.
        expected: How many bands it should have.
        axes: Of its array, where they are declared.
    """
    count = dataset.count
    if count == 0:
        subdatasets = ", ".join(dataset.subdatasets) or "none"
        remedy = "State which of them is meant as 'variable' (--variable), or write it to a file (gdal_translate)."
        raise RasterError(path, f"no band (subdatasets: {subdatasets})", "a raster with bands", remedy)
    if count == expected:
        return
    if not (count == expected + 1 and has_alpha(dataset)):
        remedy = _why_others(dataset, expected, axes)
        raise RasterError(path, f"{count} band(s)", f"{expected}, as 'sources' declares", remedy)


def has_alpha(dataset: DatasetReader) -> bool:
    """Whether the last band may be an alpha band.

    GDAL takes the fourth of four 8-bit bands for one: where it is called otherwise it is none.
    """
    if dataset.count == 0:
        return False
    called = (dataset.descriptions[-1] or "").strip().lower()
    return dataset.colorinterp[-1] is ColorInterp.alpha and (not called or called.startswith(_ALPHA))


def _why_others(dataset: DatasetReader, expected: int, axes: Axes | None) -> str:
    """Return what to change where there are other bands than expected: mostly their list, or the order of axes."""
    lengths = {"band": dataset.count, "y": dataset.height, "x": dataset.width}
    if axes is not None:
        shape = " x ".join(str(lengths[axis]) for axis in axes if axis in lengths)
        return f"By 'axes: [{', '.join(axes)}]' the array of {shape} has them: correct 'axes', or 'bands'."
    remedy = "List in 'bands' what the file holds."
    if dataset.driver not in _OF_ARRAYS or expected not in {dataset.height, dataset.width}:
        return remedy
    shape = " x ".join(map(str, lengths.values()))
    order = "y, x, band" if expected == dataset.width else "y, band, x"
    return f"The array is of {shape}: if its axes are {order}, set 'axes: [{order}]'. Otherwise: {remedy}"


def check_dtype(dataset: DatasetReader, path: Path, indexes: Sequence[int], expected: str) -> None:
    """Refuse another data type than declared: it mostly means other units."""
    dtypes = dataset.dtypes
    for index in indexes:
        found = dtypes[index - 1]
        if found != expected:
            raise RasterError(
                path,
                f"data type {found} in band {index}",
                f"{expected}, as 'sources' declares",
                "Another type mostly means other units: convert the file, or declare a source of its own.",
            )


def band_order(dataset: DatasetReader, path: Path, spec: RasterSpec) -> list[str] | None:
    """Return the names of the file's bands in file order, where its descriptions tell; None where it has none.

    Raises:
        RasterError: Where the descriptions contradict the declared names.
    """
    if spec.descriptions == "ignore":
        return None
    if len(spec.bands) == 1:
        check_designation(path, spec.bands[0], spec)
    declared = [band.description or band.name for band in spec.bands]
    expected = stacked(declared, spec)
    found = names_of_bands(dataset)[: len(expected)]
    if not any(found):
        return None
    order = _order_by_name(found, spec)
    if order is not None:
        return order
    wrong = [
        f"band {index} is '{text}' where '{name}' was declared"
        for index, (text, name) in enumerate(zip(found, expected, strict=True), start=1)
        if text and text.lower() != name.lower()
    ]
    if not wrong:
        return None
    hint = did_you_mean(next(text for text in found if text), declared)
    raise RasterError(
        path,
        f"band descriptions that contradict the declared bands: {'; '.join(wrong[:4])}",
        f"{expected}",
        f"Correct 'bands' (or a band's 'description'), or set 'descriptions: ignore' if they are no names.{hint}",
    )


def stacked(names: Sequence[str], spec: RasterSpec) -> list[str]:
    """Return the names of all bands of a file: those of one step, stacked as the spec declares."""
    if spec.layout == "bands_first":
        return [name for name in names for _ in range(spec.steps)]
    return [*names] * spec.steps


def check_description(dataset: DatasetReader, path: Path, band: BandSpec, spec: RasterSpec) -> None:
    """Refuse a file of one band whose description or name is that of another band than the pattern it was found by."""
    check_designation(path, band, spec)
    text = (dataset.descriptions[0] or "").strip()
    expected = band.description or band.name
    if spec.descriptions == "check" and text and text.lower() != expected.lower():
        raise RasterError(
            path,
            f"the band description '{text}'",
            f"'{expected}', as the order of 'bands' and of the files' patterns says",
            "Correct the order (or the band's 'description'), or set 'descriptions: ignore' if it is no name.",
        )


def _order_by_name(found: Sequence[str | None], spec: RasterSpec) -> list[str] | None:
    """Return the bands in file order where the descriptions name each of them once per step, in one order."""
    names = {(band.description or band.name).lower(): band.name for band in spec.bands}
    known = [names.get(text.lower(), "") if text else "" for text in found]
    order = list(dict.fromkeys(known))
    complete = "" not in order and len(order) == len(names)
    return order if complete and known == stacked(order, spec) else None


def check_nodata(dataset: DatasetReader, path: Path, indexes: Sequence[int], spec: RasterSpec) -> None:
    """Refuse a file where one of the bands that are read has another nodata value than declared.

    Values are compared as the data type holds them: -3.4028235e+38 is the lowest float32, to its last digit.
    """
    declared = np.nan if spec.nodata == "nan" else spec.nodata
    nodatavals = dataset.nodatavals
    for index in indexes:
        found = nodatavals[index - 1]
        if found is None or same_value(found, declared, spec.dtype):
            continue
        text = in_yaml(found, spec.dtype)
        where = "" if len({str(value) for value in nodatavals}) == 1 else f" in band {index}"
        raise RasterError(
            path,
            f"nodata {text}{where}",
            f"nodata {spec.nodata}, as 'sources' declares",
            f"Set 'nodata: {text}', and bring all bands to one value." if where else mend_nodata(text, indexes, spec),
        )


def mend_nodata(text: str, bands: Sized, spec: RasterSpec) -> str:
    """Return what to change where a file has another nodata value than declared.

    Args:
        text: The value.
        bands: Those of the file; of others there are files of their own.
        spec: What is declared.
    """
    others = " Where files of other bands have another, describe these as a source of their own."
    return f"Set 'nodata: {text}'.{others if len(bands) < len(spec.used) else ''}"


def same_value(found: float, declared: float | None, dtype: str) -> bool:
    """Whether two nodata values are one and the same in a data type."""
    if declared is None or np.isnan(found) or np.isnan(declared):
        return declared is not None and bool(np.isnan(found) and np.isnan(declared))
    in_range = dtype[:5] == "float" or _lowest(np.dtype(dtype)) <= found <= np.iinfo(dtype).max
    return bool(in_range and in_type(found, dtype) == in_type(declared, dtype))


def check_unmasked(path: Path, values: NDArray[np.generic], unmasked: NDArray[np.bool_], spec: RasterSpec) -> None:
    """Refuse nodata outside of a file's mask, where the file is resampled by mixing neighbours.

    GDAL leaves out what a mask or a value says when it resamples, not both: it would mix the value into valid pixels.

    Args:
        path: Of the file.
        values: As they lie in the file, (bands, height, width).
        unmasked: Where its mask or alpha band lets them through.
        spec: With nodata and resampling.
    """
    if (unmasked & ~holds_data(values, spec.nodata)).any():
        raise RasterError(
            path,
            f"the nodata value {spec.nodata} in pixels that the file's mask or alpha band lets through",
            f"one way to say where there is no data, as 'resampling: {spec.resampling}' mixes neighbours",
            "Mask those pixels too, or set 'resampling: nearest'.",
        )


def check_window(path: Path, window: Window, dataset: DatasetReader | Grid) -> None:
    """Refuse a window of which nothing lies in the file: it was cut from a larger one."""
    if window.row_off >= dataset.height or window.col_off >= dataset.width:
        raise RasterError(
            path,
            f"{dataset.height} rows and {dataset.width} columns",
            f"pixels from row {int(window.row_off)}, column {int(window.col_off)} on",
            "The file was larger when its samples were indexed: index them again, or fetch it again.",
        )


def check_pixel_size(grid: Grid, path: Path | str, spec: RasterSpec) -> None:
    """Refuse another ground sampling distance than declared; a grid that is not in lengths is left alone.

    Where the CRS does not keep lengths, that on the ground at the centre counts.
    """
    if spec.pixel_size_m is None or grid.crs is None or not grid.crs.is_projected:
        return
    counted = grid.pixel_size * grid.crs.linear_units_factor[1]
    found, share, told = counted, 0.01, f"pixels of {counted:.6g} m"
    if not grid.keeps_lengths:
        found, share = grid.ground_size or counted, MOST_BETWEEN_LATITUDES
        told = f"pixels of {found:.3g} m on the ground, which are {counted:.6g} m in {name_crs(grid.crs)}"
        found = float(f"{found:.3g}")
    if abs(found - spec.pixel_size_m) > share * found:
        raise RasterError(
            path,
            told,
            f"{spec.pixel_size_m:g} m, as 'sources' declares",
            f"Set 'pixel_size_m: {found:.6g}', or null for any size.",
        )


def check_values(values: NDArray[np.generic], path: Path, spec: RasterSpec) -> None:
    """Refuse values that mean "no data" in a source that declares none.

    Raises:
        RasterError: For NaN or infinite values, or the customary fill values, where ``spec.nodata`` is None.
    """
    if spec.nodata is not None:
        return
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        share = 1 - np.isfinite(values).mean()
        raise RasterError(
            path,
            f"NaN or infinite values ({share:.1%} of a window)",
            "only numbers",
            "Set 'nodata: nan' if they mean that.",
        )
    if spec.fill_values == "allow" or values.dtype.kind == "u" or not values.size:
        return
    fills, low = _fills(values.dtype), float(values.min())
    high = float(values.max()) if low <= max(fills) else low
    for fill in fills:
        if low <= fill <= high and (values == in_type(fill, values.dtype)).any():
            text = in_yaml(fill, values.dtype)
            share = (values == in_type(fill, values.dtype)).mean()
            raise RasterError(
                path,
                f"the value {text} in {share:.1%} of a window, which looks like undeclared nodata",
                "no fill values, as 'nodata' is null",
                f"Set 'nodata: {text}', or 'fill_values: allow' if it is a measurement.",
            )


@cache
def _fills(dtype: np.dtype[np.generic]) -> tuple[float, ...]:
    """Return the customary fill values that a data type can hold."""
    lowest = _lowest(dtype)
    if dtype.kind == "i":
        return tuple(fill for fill in (-9999.0, lowest) if fill >= lowest)
    return (-9999.0, -32768.0, lowest, -lowest, NETCDF_FILL)


def _lowest(dtype: np.dtype[np.generic]) -> float:
    return float(np.iinfo(dtype.name).min if dtype.kind in "iu" else np.finfo(dtype.name).min)

"""Compare an opened file with its spec."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rasterio.enums import ColorInterp
from rasterio.io import DatasetReader

from groundwork.rasters.errors import RasterError
from groundwork.rasters.grid import Grid
from groundwork.specs import RasterSpec, did_you_mean


def check_count(dataset: DatasetReader, path: Path, expected: int) -> None:
    """Refuse another number of bands than declared; an alpha band beside them is a mask, not a band."""
    count = dataset.count
    if count == 0:
        subdatasets = ", ".join(dataset.subdatasets) or "none"
        raise RasterError(path, f"no band (subdatasets: {subdatasets})", "a raster with bands", "Name a subdataset.")
    has_alpha = count == expected + 1 and dataset.colorinterp[-1] is ColorInterp.alpha
    if count != expected and not has_alpha:
        raise RasterError(
            path, f"{count} band(s)", f"{expected}, as 'sources' declares", "List in 'bands' what the file holds."
        )


def check_dtype(dataset: DatasetReader, path: Path, indexes: Sequence[int], spec: RasterSpec) -> None:
    """Refuse another data type than declared: it mostly means other units."""
    dtypes = dataset.dtypes
    for index in indexes:
        found = dtypes[index - 1]
        if found != spec.dtype:
            raise RasterError(
                path,
                f"data type {found} in band {index}",
                f"{spec.dtype}, as 'sources' declares",
                "Another type mostly means other units: convert the file, or declare a source of its own.",
            )


def band_order(dataset: DatasetReader, path: Path, spec: RasterSpec) -> list[str] | None:
    """Return the names of the file's bands in file order, where its descriptions tell; None where it has none.

    Raises:
        RasterError: Where the descriptions contradict the declared names.
    """
    if spec.descriptions == "ignore":
        return None
    width = len(spec.bands)
    found = [text.strip() if text else None for text in dataset.descriptions[: width * spec.steps]]
    if spec.steps > 1 or not any(found):
        return None
    names = {(band.description or band.name).lower(): band.name for band in spec.bands}
    order = [names.get(text.lower()) if text else None for text in found]
    if len(set(order)) == width and None not in order:
        return [name for name in order if name is not None]
    wrong = [
        f"band {index} is '{text}' where '{band.description or band.name}' was declared"
        for index, (text, band) in enumerate(zip(found, spec.bands, strict=True), start=1)
        if text and text.lower() != (band.description or band.name).lower()
    ]
    if not wrong:
        return None
    hint = did_you_mean(next(text for text in found if text), list(names))
    raise RasterError(
        path,
        f"band descriptions that contradict the declared bands: {'; '.join(wrong[:4])}",
        f"{[band.description or band.name for band in spec.bands]}",
        f"Correct 'bands' (or a band's 'description'), or set 'descriptions: ignore' if they are no names.{hint}",
    )


def check_nodata(dataset: DatasetReader, path: Path, spec: RasterSpec) -> None:
    """Refuse a file whose own nodata value is not the declared one."""
    found = dataset.nodata
    if found is None:
        return
    declared = np.nan if spec.nodata == "nan" else spec.nodata
    if declared is None or not np.array_equal(np.float64(found), np.float64(declared), equal_nan=True):
        text = "nan" if np.isnan(found) else f"{found:g}"
        raise RasterError(
            path, f"nodata {text}", f"nodata {spec.nodata}, as 'sources' declares", f"Set 'nodata: {text}'."
        )


def check_scaling(bands: Sequence[tuple[Path, DatasetReader, int]], spec: RasterSpec) -> None:
    """Refuse a file whose own scale or offset is not the declared one.

    Args:
        bands: File, dataset and number of each band that is read: those of ``spec.used``, step by step.
        spec: What is declared.
    """
    # Each look at these properties makes a new list of all bands.
    scaling = {dataset: (dataset.scales, dataset.offsets) for dataset in {dataset for _, dataset, _ in bands}}
    for position, (path, dataset, index) in enumerate(bands):
        band = spec.used[position % spec.num_channels]
        scales, offsets = scaling[dataset]
        found = (scales[index - 1], offsets[index - 1])
        if found != (1.0, 0.0) and not np.allclose(found, (band.scale, band.offset), rtol=1e-6):
            raise RasterError(
                path,
                f"scale {found[0]:g} and offset {found[1]:g} in band '{band.name}'",
                f"scale {band.scale:g} and offset {band.offset:g}, as 'sources' declares",
                "Set 'scale' and 'offset' of the band to what the file says.",
            )


def check_pixel_size(grid: Grid, path: Path, spec: RasterSpec) -> None:
    """Refuse another ground sampling distance than declared; a grid that is not in lengths is left alone."""
    if spec.pixel_size_m is None or grid.crs is None or not grid.crs.is_projected:
        return
    found = grid.pixel_size * grid.crs.linear_units_factor[1]
    if abs(found - spec.pixel_size_m) > 0.01 * spec.pixel_size_m:
        raise RasterError(
            path,
            f"pixels of {found:.6g} m",
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
    if float(values.min()) > max(-9999.0, _lowest(values.dtype)):
        return
    for fill in (-9999.0, _lowest(values.dtype)):
        if fill >= _lowest(values.dtype) and (values == fill).any():
            raise RasterError(
                path,
                f"the value {fill:g} in {(values == fill).mean():.1%} of a window, which looks like undeclared nodata",
                "no fill values, as 'nodata' is null",
                f"Set 'nodata: {fill:g}', or 'fill_values: allow' if it is a measurement.",
            )


def _lowest(dtype: np.dtype[np.generic]) -> float:
    if dtype.kind == "i":
        return float(np.iinfo(dtype.name).min)
    return float(np.finfo(dtype.name).min)

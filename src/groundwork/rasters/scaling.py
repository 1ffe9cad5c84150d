"""Scale and offset that files state, compared with those that are declared, and values brought to the latter."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rasterio.io import DatasetReader

from groundwork.errors import RasterError
from groundwork.rasters.sentinel2 import Baseline, baseline_of
from groundwork.rasters.validity import in_type
from groundwork.specs import BandSpec, RasterSpec


def require_scaling(bands: Sequence[tuple[Path, DatasetReader, int]], spec: RasterSpec) -> NDArray[np.float64] | None:
    """Refuse a file whose scale or offset is not the declared one, unless another offset is let through.

    A file says it itself, or is of a Sentinel-2 product whose name does.

    Args:
        bands: File, dataset and number of each band that is read: those of ``spec.used``, step by step.
        spec: What is declared.

    Returns:
        What is to be added to the raw values of each band, so that they have the declared offset. None: nothing.

    Raises:
        RasterError: With the first band that differs.
    """
    # Each look at these properties makes a new list of all bands.
    tags = {dataset: (dataset.scales, dataset.offsets) for dataset in {dataset for _, dataset, _ in bands}}
    baselines = {path: baseline_of(path) for path in {path for path, _, _ in bands}}
    shift = np.zeros(len(bands))
    for position, (path, dataset, index) in enumerate(bands):
        band = spec.used[position % spec.num_channels]
        scales, offsets = tags[dataset]
        found, baseline = (scales[index - 1], offsets[index - 1]), None
        if found == (1.0, 0.0):
            baseline = baselines[path]
            if baseline is None:
                continue
            found = band.scale, baseline.offset * band.scale
        if not np.allclose(found, (band.scale, band.offset), rtol=1e-6, atol=0):
            shift[position] = _shift(path, found, band, spec, baseline)
    return shift if shift.any() else None


def states_scaling(path: Path, dataset: DatasetReader, indexes: Sequence[int]) -> bool:
    """Whether scale and offset of bands are said, by tags or by the name of a product; 1 and 0 say nothing."""
    scales, offsets = dataset.scales, dataset.offsets
    return baseline_of(path) is not None or all((scales[at - 1], offsets[at - 1]) != (1.0, 0.0) for at in indexes)


def _shift(
    path: Path, found: tuple[float, float], band: BandSpec, spec: RasterSpec, baseline: Baseline | None
) -> float:
    """Return what brings raw values to the declared offset, where that is wanted and can be done."""
    is_same_scale = bool(np.isclose(found[0], band.scale, rtol=1e-6, atol=0))
    if is_same_scale and spec.other_offsets == "allow":
        return 0.0
    shift = (found[1] - band.offset) / band.scale
    is_whole = spec.dtype[:5] == "float" or abs(shift - round(shift)) < 1e-6 * max(1, abs(shift))
    if is_same_scale and is_whole and spec.other_offsets == "convert":
        return shift if spec.dtype[:5] == "float" else round(shift)
    what = f"scale {shortest(found[0])} and offset {shortest(found[1])} in band '{band.name}'"
    if baseline is not None:
        what = f"offset {shortest(found[1])} in band '{band.name}', of processing baseline {baseline.name}"
    declared = f"scale {shortest(band.scale)} and offset {shortest(band.offset)}, as 'sources' declares"
    remedy = "Set 'scale' and 'offset' of the band to what the file says."
    if is_same_scale:
        remedy = (
            f"Set 'offset: {shortest(found[1])}' of the band, if all rasters have it. Where they differ, as Sentinel-2 "
            "before and after January 2022: 'other_offsets: convert' adds what is missing while they are read, "
            "'allow' takes them as they are."
        )
    if is_same_scale and not is_whole:
        remedy = f"The difference is {shift:.6g} steps, which a raster of {spec.dtype} cannot hold: convert it."
    raise RasterError(path, what, declared, remedy)


def shifted(values: NDArray[np.generic], shift: NDArray[np.float64], spec: RasterSpec) -> NDArray[np.generic]:
    """Return raw values with what is added to each band; nodata stays, and no measurement becomes nodata.

    Values that the data type cannot hold become the nearest that it can.

    Args:
        values: (bands, height, width).
        shift: Of each band.
        spec: With nodata.
    """
    per_band = shift[:, None, None]
    if values.dtype.kind == "f":
        moved = (values + per_band.astype(values.dtype)).astype(values.dtype)
    else:
        limits = np.iinfo(values.dtype.name)
        moved = np.clip(values.astype(np.int64) + per_band.astype(np.int64), limits.min, limits.max)
        moved = moved.astype(values.dtype)
    if spec.nodata is None or spec.nodata == "nan":
        return moved
    nodata = in_type(float(spec.nodata), values.dtype)
    if values.dtype.kind == "f":
        moved[moved == nodata] = np.nextafter(nodata, values.dtype.type(0))
    else:
        moved[moved == nodata] = int(spec.nodata) + (1 if spec.nodata < limits.max else -1)
    return np.where(values == nodata, nodata, moved).astype(values.dtype)


def same_scaling(found: tuple[float, float], declared: tuple[float, float]) -> bool:
    """Whether a file's scale and offset are those that are declared; 1 and 0 say nothing."""
    return found == (1.0, 0.0) or bool(np.allclose(found, declared, rtol=1e-6, atol=0))


def shortest(value: float) -> str:
    """Return a number in as few digits as say it exactly, so that it can be pasted."""
    return repr(float(value)).removesuffix(".0")

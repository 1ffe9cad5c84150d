"""Which pixels of a file hold data: by its masks, its alpha band, and the value that means "no data"."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from rasterio.enums import MaskFlags
from rasterio.io import DatasetReader
from rasterio.windows import Window

from groundwork.specs import QualityRule

#: Flags of bands whose mask says nothing beyond their values. An alpha band counts only beside the declared bands:
#: GDAL takes the fourth of four 8-bit bands for one whatever it holds.
WITHOUT_MASK = {MaskFlags.all_valid, MaskFlags.nodata, MaskFlags.alpha}


def masks_of(dataset: DatasetReader, indexes: Sequence[int], declared: int) -> tuple[tuple[int, ...], int | None]:
    """Return which bands have masks worth reading, and the number of the alpha band beside the declared bands.

    Args:
        dataset: The file.
        indexes: Bands that are read.
        declared: How many bands the file has by its spec; one more is an alpha band.
    """
    flags = dataset.mask_flag_enums
    masked = [index for index in indexes if _has_mask(set(flags[index - 1]))]
    if masked and all(MaskFlags.per_dataset in flags[index - 1] for index in masked):
        masked = masked[:1]
    return tuple(masked), dataset.count if dataset.count == declared + 1 else None


def _has_mask(flags: set[MaskFlags]) -> bool:
    # Nodata of the file as a whole (NODATA_VALUES) is one value for each band, which no spec can declare; GDAL's mask
    # says it. Nodata of a band is compared with what is declared.
    return not WITHOUT_MASK & flags or {MaskFlags.per_dataset, MaskFlags.nodata} <= flags


@lru_cache(maxsize=4)
def _everywhere(height: int, width: int) -> NDArray[np.bool_]:
    # Most files have no mask, and most windows one size.
    valid = np.ones((height, width), np.bool_)
    valid.flags.writeable = False
    return valid


def lets_all_through(mask: NDArray[np.bool_]) -> bool:
    """Whether a mask (height, width), such as :func:`read_masks` gives, is true everywhere."""
    return mask is _everywhere(*mask.shape) or bool(mask.all())


def read_masks(
    dataset: DatasetReader, masks: tuple[Sequence[int], int | None], window: Window, shape: tuple[int, ...]
) -> NDArray[np.bool_]:
    """Read where masks and alpha band let all bands through.

    Args:
        dataset: The file.
        masks: What :func:`masks_of` gave.
        window: What to read.
        shape: Height and width to read it in.

    Returns:
        (height, width), not to be written into.
    """
    masked, alpha = masks
    if not masked and alpha is None:
        return _everywhere(*shape)
    valid = np.ones(shape, np.bool_)
    if masked:
        valid &= (dataset.read_masks(list(masked), window=window, out_shape=(len(masked), *shape)) > 0).all(axis=0)
    if alpha is not None:
        valid &= dataset.read(alpha, window=window, out_shape=shape) > 0
    return valid


def passes(values: NDArray[np.generic], rule: QualityRule) -> NDArray[np.bool_]:
    """Return where a quality band lets pixels through, (steps, height, width).

    Args:
        values: Of the band in each time step, (steps, height, width).
        rule: What they mean.
    """
    if rule.clear_bits:
        mask = sum(1 << bit for bit in rule.clear_bits)
        through = (values.astype(np.int64) & mask) == 0
    else:
        found = np.isin(values, rule.values or rule.not_values)
        through = found if rule.values else ~found
    return np.asarray(through)


def holds_data(
    values: NDArray[np.generic], nodata: float | str | None, needed: Literal["all", "any"] = "all"
) -> NDArray[np.bool_]:
    """Return where all bands, or any (bands, height, width), hold data: no value that means "no data", and a number.

    Where any of them is enough, all must be numbers nevertheless: nothing else can be computed with.

    ``nodata`` is compared in the type of the values: a float32 raster does not hold -3.40282e+38 to its last digit.
    """
    if nodata is None:
        return np.ones(values.shape[1:], np.bool_)
    holds = np.ones(values.shape, np.bool_) if nodata == "nan" else values != in_type(float(nodata), values.dtype)
    kept = np.asarray(holds.any(axis=0) if needed == "any" else holds.all(axis=0))
    return kept & np.isfinite(values).all(axis=0) if values.dtype.kind == "f" else kept


def is_nodata(values: NDArray[np.generic], nodata: float) -> NDArray[np.bool_]:
    """Return which values mean "no data", in their shape; ``nodata`` may be not-a-number."""
    return np.asarray(np.isnan(values) if np.isnan(nodata) else values == in_type(nodata, values.dtype))


def in_type(nodata: float, dtype: np.dtype[np.generic] | str) -> np.generic:
    """Return a nodata value as a raster of a data type holds it."""
    kind = np.dtype(dtype)
    number: np.generic = kind.type(int(nodata) if kind.kind in "iu" and float(nodata).is_integer() else nodata)
    return number


def in_yaml(value: float, dtype: np.dtype[np.generic] | str) -> str:
    """Return a nodata value in as many digits as its data type tells apart, so that it can be pasted into YAML."""
    if np.isnan(value):
        return "nan"
    text = str(in_type(value, dtype))
    return text.replace("e", ".0e") if "e" in text and "." not in text else text

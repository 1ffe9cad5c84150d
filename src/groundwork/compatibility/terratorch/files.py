"""What lies where a file says that rasters are: only looked at, and only where it is there already."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from groundwork.errors import GroundworkError
from groundwork.rasters.addresses import RASTER_SUFFIXES
from groundwork.specs import Axes


@dataclass(frozen=True, slots=True)
class FirstFile:
    """What the first raster of a source holds."""

    name: str
    dtype: str
    count: int
    #: Height and width.
    size: tuple[int, int]
    #: As YAML has it. None: the file states none.
    nodata: float | str | None
    has_crs: bool
    descriptions: tuple[str, ...]


def names_below(root: str) -> list[str] | None:
    """Return the names of the files below a folder, in order. None: it is not there."""
    from groundwork.rasters.folder import names_in  # noqa: PLC0415 - it loads rasterio

    folder = Path(root)
    if not folder.is_dir():
        return None
    return names_in(folder)


def keys_of(names: Sequence[str], pattern: str, root: str) -> dict[str, str] | str:
    """Return key -> name of the files that a pattern finds, or what is wrong with them."""
    from groundwork.rasters.patterns import match_names  # noqa: PLC0415 - it loads rasterio

    try:
        return match_names(names, pattern, Path(root))
    except GroundworkError as error:
        return str(error)


def rasters_in(names: Sequence[str]) -> list[str]:
    """Return those that are rasters by their ending."""
    return [name for name in names if Path(name).suffix.lower() in RASTER_SUFFIXES]


def look_at(root: Path, name: str, variable: str = "", axes: Axes | None = None) -> FirstFile | None:
    """Return what a raster holds. None: it cannot be opened, which is said when it is read.

    Args:
        root: A folder.
        name: Of a file in it.
        variable: Of the array in the file. Empty: it is a raster itself.
        axes: Of the array.
    """
    from groundwork.rasters.addresses import name_inside, place_below  # noqa: PLC0415 - they load rasterio
    from groundwork.rasters.axes import open_along  # noqa: PLC0415

    path = place_below(root, name_inside(name, variable) if variable else name)
    try:
        with open_along(path, axes) as raster:
            nodata = raster.nodata
            return FirstFile(
                name=str(path),
                dtype=str(raster.dtypes[0]),
                count=int(raster.count),
                size=(int(raster.height), int(raster.width)),
                nodata="nan" if nodata is not None and math.isnan(nodata) else nodata,
                has_crs=raster.crs is not None,
                descriptions=tuple(text or "" for text in raster.descriptions),
            )
    except GroundworkError:
        return None


def value_range(path: Path, nodata: Sequence[object]) -> tuple[float, float] | None:
    """Return the lowest and the highest number of a raster's first band. None: it holds none.

    Args:
        path: Of the raster.
        nodata: Numbers that are none, beside those that the file declares.
    """
    import numpy as np  # noqa: PLC0415 - only where files are at hand
    import rasterio  # noqa: PLC0415
    from rasterio.errors import RasterioIOError  # noqa: PLC0415

    try:
        with rasterio.open(path) as raster:
            values = raster.read(1, masked=True).compressed()
    except RasterioIOError:
        return None
    known = values[np.isfinite(values)]
    for value in nodata:
        known = known[known != value] if isinstance(value, int | float) else known
    return (float(known.min()), float(known.max())) if known.size else None


def read_list(split: str, path: str) -> list[str] | None:
    """Return the names that a text file lists, or a JSON under the split. None: it is not there.

    Raises:
        DataError: Where it is no list.
    """
    from groundwork.data import split_lists  # noqa: PLC0415 - it loads rasterio

    file = Path(path)
    return split_lists.read_list(split, file) if file.is_file() else None


def labels_in(path: Path) -> set[int] | None:
    """Return the labels of a file of boxes. None: it is no such file, which is said when it is read."""
    from groundwork.rasters.box_lists import LABELS, is_box_list  # noqa: PLC0415 - it loads rasterio

    if path.suffix != ".json":
        return None
    try:
        content = json.loads(path.read_text("utf-8"))
    except (ValueError, OSError):
        return None
    labels = content[LABELS] if is_box_list(content) else None
    return {label for label in labels if isinstance(label, int)} if isinstance(labels, list) else None

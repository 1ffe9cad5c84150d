"""The axes that GDAL makes bands of, where an array has more than two, as it says of NetCDF and Zarr."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

from rasterio.io import DatasetReader

#: Names of axes along which bands lie.
_CALLED = ("band", "bands", "channel", "variable")
#: Number of the type of coordinates that are text, in NetCDF.
_TEXT = "12"
#: How CF counts time: a unit, and what is counted from.
COUNTED = re.compile(r"\s*(?P<unit>[a-zA-Z]+)\s+since\s+(?P<start>\S.*?)\s*")


def steps_of_bands(dataset: DatasetReader, axis: str) -> list[int] | None:
    """Return which step each band is of, from 0, as GDAL says of the axes that it makes bands of.

    Args:
        dataset: An array, opened.
        axis: The name of its axis of time.

    Returns:
        None: nothing says it, or the array has no such axis.
    """
    names, lengths = axes_of_bands(dataset), lengths_of_bands(dataset)
    if axis not in names or math.prod(lengths) != dataset.count:
        return None
    inner = math.prod(lengths[names.index(axis) + 1 :])
    return [index // inner % lengths[names.index(axis)] for index in range(dataset.count)]


def axes_of_bands(dataset: DatasetReader) -> list[str]:
    """Return the names of the axes that GDAL makes bands of, the outermost first, where it says them."""
    return _listed(dataset.tags().get("NETCDF_DIM_EXTRA")) or list(_last_place(dataset))


def lengths_of_bands(dataset: DatasetReader) -> list[int]:
    """Return how long each axis of :func:`axes_of_bands` is; nothing where that is not said.

    GDAL says no length of an axis without coordinates: of one such axis, the number of bands tells it.
    """
    tags, names = dataset.tags(), _listed(dataset.tags().get("NETCDF_DIM_EXTRA"))
    if not names:
        return [1 + last for last in _last_place(dataset).values()]
    said = [_listed(tags.get(f"NETCDF_DIM_{name}_DEF")) for name in names]
    known = math.prod(int(found[0]) for found in said if found)
    if sum(not found for found in said) > 1:
        return []
    return [int(found[0]) if found else dataset.count // known for found in said]


def tags_of_axes(lengths: Mapping[str, int]) -> dict[str, str]:
    """Return the tags by which GDAL says along which axes bands lie, the outermost first."""
    said = {f"NETCDF_DIM_{name}_DEF": f"{{{length},4}}" for name, length in lengths.items()}
    return {"NETCDF_DIM_EXTRA": f"{{{','.join(lengths)}}}", **said}


def without_axes(tags: Mapping[str, str]) -> dict[str, str]:
    """Return tags without those that say along which axes bands lie."""
    return {name: text for name, text in tags.items() if not name.startswith("NETCDF_DIM_")}


def _last_place(dataset: DatasetReader) -> dict[str, int]:
    """Return where the last band lies along each axis, as GDAL says it of Zarr."""
    tags = dataset.tags(dataset.count) if dataset.count else {}
    return {key[4:-6]: int(text) for key, text in tags.items() if key.startswith("DIM_") and key.endswith("_INDEX")}


def names_of_bands(dataset: DatasetReader) -> list[str | None]:
    """Return what each band is called: by its description, or by text that is the coordinate of its axis of bands.

    Such text GDAL tells of NetCDF alone.
    """
    called = [text.strip() if text else None for text in dataset.descriptions]
    tags, names, lengths = dataset.tags(), axes_of_bands(dataset), lengths_of_bands(dataset)
    axis = next((name for name in names if name in _CALLED), None)
    if any(called) or axis is None or math.prod(lengths) != dataset.count:
        return called
    texts = _listed(tags.get(f"NETCDF_DIM_{axis}_VALUES"))
    length, kind = lengths[names.index(axis)], _listed(tags.get(f"NETCDF_DIM_{axis}_DEF"))[-1:]
    if kind != [_TEXT] or len(texts) != length:
        return called
    inner = math.prod(lengths[names.index(axis) + 1 :])
    return [texts[index // inner % length].strip() for index in range(dataset.count)]


def axis_of_time(dataset: DatasetReader) -> str | None:
    """Return the name of the axis whose coordinates are counted since a date; None where none or several are."""
    tags, band = dataset.tags(), dataset.tags(1) if dataset.count else {}
    units = {name: tags.get(f"{name}#units", "") for name in _listed(tags.get("NETCDF_DIM_EXTRA"))}
    units |= {key[4:-5]: text for key, text in band.items() if key.startswith("DIM_") and key.endswith("_UNIT")}
    found = [name for name, text in units.items() if COUNTED.fullmatch(text)]
    return found[0] if len(found) == 1 else None


def _listed(text: str | None) -> list[str]:
    return (text or "").strip("{}").split(",") if text else []


def layout_of(steps: Sequence[int], count: int) -> str | None:
    """Return how bands are stacked, by which step each is of; None where it is no layout that has a name.

    Args:
        steps: Of each band.
        count: How many steps there are.
    """
    bands = len(steps) // count
    if list(steps) == [index // bands for index in range(len(steps))]:
        return "steps_first"
    return "bands_first" if list(steps) == [index % count for index in range(len(steps))] else None

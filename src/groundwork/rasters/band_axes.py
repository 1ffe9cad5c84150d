"""The axes that GDAL makes bands of, where an array has more than two, as it says of NetCDF and Zarr."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

from rasterio.io import DatasetReader

#: Names of axes along which bands lie.
_CALLED = ("band", "bands", "channel", "variable")
#: GDAL's drivers that say along which axes bands lie.
_OF_ARRAYS = ("netCDF", "Zarr")
#: Tag of NetCDF with the names of the axes.
_NAMES = "NETCDF_DIM_EXTRA"
#: Number of the type of coordinates that are text, in NetCDF.
_TEXT = "12"
#: How CF counts time: a unit, and what is counted from.
COUNTED = re.compile(r"\s*(?P<unit>[a-zA-Z]+)\s+since\s+(?P<start>\S.*?)\s*")


def places_along(dataset: DatasetReader, axis: str) -> list[int] | None:
    """Return where each band lies along an axis, from 0, as GDAL says of the axes that it makes bands of.

    Args:
        dataset: An array, opened.
        axis: The name of the axis, such as that of time.

    Returns:
        None: nothing says it, or the array has no such axis.
    """
    names, lengths = axes_of_bands(dataset), lengths_of_bands(dataset)
    if axis not in names or math.prod(lengths) != dataset.count:
        return None
    inner = math.prod(lengths[names.index(axis) + 1 :])
    return [index // inner % lengths[names.index(axis)] for index in range(dataset.count)]


def axes_of_bands(dataset: DatasetReader) -> list[str]:
    """Return the names of the axes that GDAL makes bands of, the outermost first, where it says them.

    What a file was made of says nothing of its bands: such tags stay where bands are left out, or put in another order.
    """
    if not _is_array(dataset):
        return []
    return _listed(dataset.tags().get(_NAMES)) or list(_last_place(dataset))


def lengths_of_bands(dataset: DatasetReader) -> list[int]:
    """Return how long each axis of :func:`axes_of_bands` is; nothing where that is not said."""
    names, tags = axes_of_bands(dataset), dataset.tags()
    if not names or _NAMES not in tags:
        return [1 + last for last in _last_place(dataset).values()] if names else []
    last = dataset.tags(dataset.count)
    # Along an axis without coordinates, places are counted from 1.
    said = [_listed(tags.get(_of(name, "DEF")))[:1] or [last.get(f"NETCDF_DIM_{name}", "")] for name in names]
    return [int(length) for (length,) in said] if all(length.isdecimal() for (length,) in said) else []


def tags_of_axes(lengths: Mapping[str, int], names: Sequence[str] = ()) -> dict[str, str]:
    """Return the tags by which GDAL says along which axes bands lie.

    Args:
        lengths: Of the axes, the outermost first.
        names: What the places along the axis ``band`` are called, where that is said.
    """
    said = {_of(axis, "DEF"): f"{{{length},4}}" for axis, length in lengths.items()}
    if names:
        said |= {_of("band", "DEF"): f"{{{len(names)},{_TEXT}}}", _of("band", "VALUES"): f"{{{','.join(names)}}}"}
    return {_NAMES: f"{{{','.join(lengths)}}}", **said}


def without_axes(tags: Mapping[str, str]) -> dict[str, str]:
    """Return tags without those that say along which axes bands lie."""
    return {name: text for name, text in tags.items() if not name.startswith("NETCDF_DIM_")}


def names_along(dataset: DatasetReader, axis: str) -> list[str]:
    """Return the text that is the coordinate of an axis of bands; nothing where it has no such text.

    Such text GDAL tells of NetCDF alone.
    """
    tags = dataset.tags()
    texts, said = _listed(tags.get(_of(axis, "VALUES"))), _listed(tags.get(_of(axis, "DEF")))
    return [text.strip() for text in texts] if said == [str(len(texts)), _TEXT] else []


def _last_place(dataset: DatasetReader) -> dict[str, int]:
    """Return where the last band lies along each axis, as GDAL says it of Zarr."""
    tags = dataset.tags(dataset.count) if dataset.count else {}
    return {key[4:-6]: int(text) for key, text in tags.items() if key.startswith("DIM_") and key.endswith("_INDEX")}


def _is_array(dataset: DatasetReader) -> bool:
    """Whether a dataset is an array, or a view of one, which is opened by its text and not by a name."""
    return dataset.driver in _OF_ARRAYS or (dataset.driver == "VRT" and dataset.name.startswith("<"))


def _of(axis: str, what: str) -> str:
    return f"NETCDF_DIM_{axis}_{what}"


def names_of_bands(dataset: DatasetReader) -> list[str | None]:
    """Return what each band is called: by its description, or by text that is the coordinate of its axis of bands."""
    called = [text.strip() if text else None for text in dataset.descriptions]
    if any(called):
        return called
    axis = next((name for name in axes_of_bands(dataset) if name in _CALLED), None)
    places = None if axis is None else places_along(dataset, axis)
    if axis is None or places is None:
        return called
    texts = names_along(dataset, axis)
    return [texts[place] for place in places] if len(texts) == max(places) + 1 else called


def axis_of_time(dataset: DatasetReader) -> str | None:
    """Return the name of the axis whose coordinates are counted since a date; None where none or several are."""
    names = axes_of_bands(dataset)
    if not names:
        return None
    # Of an array in a group, NetCDF has the name of the group before it.
    tags, band = dataset.tags().items(), dataset.tags(1).items()
    units = {key.removesuffix("#units").rpartition("/")[2]: text for key, text in tags if key.endswith("#units")}
    units |= {key[4:-5]: text for key, text in band if key.startswith("DIM_") and key.endswith("_UNIT")}
    found = [name for name in names if COUNTED.fullmatch(units.get(name, ""))]
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

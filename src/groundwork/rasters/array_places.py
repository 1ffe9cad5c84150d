"""Where the pixels of an array lie, as the coordinates of its rows and columns say it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from affine import Affine
from rasterio.crs import CRS
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader

from groundwork.errors import RasterError
from groundwork.rasters.coordinates import read_coordinates

#: What arrays of coordinates are called: of rows, and of columns.
_NAMES = (("y", "x"), ("lat", "lon"), ("latitude", "longitude"))
#: How CF calls x of a map.
_EASTINGS = "projection_x_coordinate"
#: Lower numbers might be taken for degrees.
_MOST_LIKE_DEGREES = 720.0
#: Pixels that a coordinate may lie from its even place: those in 32 bits are rounded to half a metre.
_UNEVEN = 0.1
#: Lengths in metres by which coordinates of maps are counted.
_METRES = {
    **dict.fromkeys(("m", "metre", "metres", "meter", "meters"), 1.0),
    **dict.fromkeys(("km", "kilometre", "kilometres", "kilometer", "kilometers"), 1000.0),
}


def transform_of(path: Path, crs: CRS, height: int, width: int) -> Affine | None:
    """Return the geotransform that coordinates say, which are those of the middles of pixels.

    Args:
        path: An array, with its whole name, or a file that holds no other.
        crs: Of its coordinates.
        height: How many rows it has.
        width: How many columns it has.

    Returns:
        None: there are no coordinates of so many rows and columns that are even, and in a unit that the CRS has.
    """
    for rows, columns in _NAMES:
        y = _even(path, rows, height, crs)
        x = None if y is None else _even(path, columns, width, crs)
        if y is not None and x is not None:
            return Affine(x[1], 0, x[0] - x[1] / 2, 0, y[1], y[0] - y[1] / 2)
    return None


def require_as_said(path: Path, array: Path, plain: DatasetReader) -> None:
    """Refuse a map in NetCDF that GDAL places elsewhere than its coordinates do.

    It takes those in km for metres beside a CRS that is written out in metres, and may take small ones for longitudes.

    Args:
        path: Of the file, for messages.
        array: The array, with its whole name.
        plain: It, opened, with a place.

    Raises:
        RasterError: With both places.
    """
    if plain.crs is None or not plain.crs.is_projected:
        return
    tags = plain.tags()
    eastings = (key for key, text in tags.items() if text == _EASTINGS and key.endswith("#standard_name"))
    name = next(eastings, "").removesuffix("#standard_name")
    if not name:
        return
    unit = _in_units_of(plain.crs, tags.get(f"{name}#units", ""))
    if unit == 1 and abs(plain.transform.c) > _MOST_LIKE_DEGREES:
        return
    said = _even(array, name.rpartition("/")[2], plain.width, plain.crs)
    if said is None:
        return
    west = said[0] - said[1] / 2
    if abs(west - plain.transform.c) > abs(said[1]) / 2:
        found = f"pixels of {plain.transform.a:g} from x {plain.transform.c:g}, as GDAL reads its coordinates"
        expected = f"pixels of {said[1]:g} from x {west:g}, as '{name}' says in the unit of the CRS"
        raise RasterError(path, found, expected, "Write x and y in metres, or the CRS in the unit of x and y.")


def _even(path: Path, name: str, length: int, crs: CRS) -> tuple[float, float] | None:
    """Return the first coordinate and the step to the next, in the unit of the CRS."""
    try:
        found = read_coordinates(path, name)
    except RasterioError:
        return None
    unit = _in_units_of(crs, found.units.strip())
    if unit is None or len(found.values) != length or length == 1:
        return None
    values = found.values * unit
    step = (values[-1] - values[0]) / (length - 1)
    even = values[0] + step * np.arange(length)
    return (values[0], step) if step and (np.abs(values - even) < _UNEVEN * abs(step)).all() else None


def _in_units_of(crs: CRS, unit: str) -> float | None:
    """Return how many units of a CRS one of coordinates is; 1 where nothing says their unit. None: it is of no CRS."""
    if not unit:
        return 1.0
    if crs.is_geographic:
        return 1.0 if unit.lower().startswith("degree") else None
    if not crs.is_projected:
        return None
    name, factor = crs.linear_units_factor
    if unit.lower() == name.lower():
        return 1.0
    metres = _METRES.get(unit.lower())
    return None if metres is None else float(metres / factor)

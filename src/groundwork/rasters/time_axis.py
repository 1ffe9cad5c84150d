"""When the steps of an array were taken, as the coordinates of its axis of time say it, counted as CF has it."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rasterio.errors import RasterioError

from groundwork.errors import RasterError
from groundwork.rasters.addresses import Address, array_at, holds_several
from groundwork.rasters.array_names import the_array
from groundwork.rasters.band_axes import COUNTED
from groundwork.rasters.coordinates import read_coordinates

#: Lengths that CF counts by which are the same everywhere; its months and years are not those of a calendar.
_UNITS = {
    "day": timedelta(days=1), "d": timedelta(days=1),
    "hour": timedelta(hours=1), "hr": timedelta(hours=1), "h": timedelta(hours=1),
    "minute": timedelta(minutes=1), "min": timedelta(minutes=1),
    "second": timedelta(seconds=1), "sec": timedelta(seconds=1), "s": timedelta(seconds=1),
    "millisecond": timedelta(milliseconds=1), "msec": timedelta(milliseconds=1), "ms": timedelta(milliseconds=1),
    "microsecond": timedelta(microseconds=1),
}  # fmt: skip
#: Calendars whose days are those of Python's since 1582.
_CALENDARS = {"", "standard", "gregorian", "proleptic_gregorian"}
_PARTS = ("year", "month", "day", "hour", "minute", "second")
_START = re.compile(
    r"(?P<year>\d{1,4})-(?P<month>\d{1,2})-(?P<day>\d{1,2})"
    r"(?:[T ]\s*(?P<hour>\d{1,2})(?::(?P<minute>\d{1,2})(?::(?P<second>\d{1,2})(?:\.\d*)?)?)?)?"
    r"\s*(?:Z|UTC|GMT|(?P<sign>[+-])(?P<hours>\d{1,2}):?(?P<minutes>\d{2})?)?"
)


def moments_of(path: Path, axis: str) -> list[datetime]:
    """Return when each step of an array was taken, in their order, in UTC.

    Args:
        path: The array, or a file that holds no other.
        axis: The name of its axis of time, and of the array of its coordinates.

    Raises:
        RasterError: Where there are no such coordinates, or they are not counted from a day of the usual calendar.
    """
    if array_at(path) is None and not holds_several(path):
        expected = "an array of NetCDF, Zarr or HDF5, as 'date_axis' is stated"
        raise RasterError(path, "a file without an axis of time", expected, _OTHERWISE)
    try:
        found = read_coordinates(the_array(path) if isinstance(path, Address) else path, axis)
    except RasterioError as error:
        told = f"no numbers that are the coordinates of its axis '{axis}' ({error.__cause__ or error})"
        remedy = f"{_REMEDY} One date that is no axis becomes one by xarray's data.expand_dims('{axis}')."
        raise RasterError(path, told, "a number for each step, as 'date_axis' is stated", remedy) from error
    if found.calendar not in _CALENDARS:
        told = f"the axis '{axis}' in the calendar '{found.calendar}'"
        raise RasterError(path, told, f"one of the calendars {sorted(_CALENDARS - {''})}", _REMEDY)
    return [_moment(path, axis, float(number), found.units) for number in found.values]


_OTHERWISE = "Set 'date_axis: null', and 'date_tag' where a tag says the dates."
_REMEDY = "Correct 'date_axis', write the file anew, or set 'date_axis: null' and name the dates in a table."


def _moment(path: Path, axis: str, number: float, units: str) -> datetime:
    counted = COUNTED.fullmatch(units)
    unit = None if counted is None else _UNITS.get(counted["unit"].lower(), _UNITS.get(counted["unit"].lower()[:-1]))
    start = None if counted is None else _start(counted["start"])
    if unit is None or start is None:
        expected = "days, hours, minutes or seconds since a date, such as 'days since 1970-01-01'"
        raise RasterError(path, f"the units {units!r} of its axis '{axis}'", expected, _REMEDY)
    try:
        # Fractions of days are rounded: to the microsecond they may say the day before.
        moment = start + timedelta(milliseconds=round(number * (unit / timedelta(milliseconds=1))))
    except (OverflowError, ValueError):
        moment = None
    if moment is None or not math.isfinite(number):
        found = f"the coordinate {number} on its axis '{axis}', {units}"
        raise RasterError(path, found, "a date for each step", _REMEDY)
    return moment


def _start(text: str) -> datetime | None:
    """Return the date that is counted from; None where it is none."""
    found = _START.fullmatch(text)
    if found is None:
        return None
    year, month, day, hour, minute, second = (int(found[part] or 0) for part in _PARTS)
    away = timedelta(hours=int(found["hours"] or 0), minutes=int(found["minutes"] or 0))
    try:
        start = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None
    return start + away if found["sign"] == "-" else start - away

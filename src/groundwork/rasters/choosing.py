"""Choose the dates that are read, where each has a file."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from groundwork.errors import PairingError
from groundwork.rasters.folder import RasterFolder
from groundwork.rasters.stated import StatedFile
from groundwork.specs import RasterSpec


def choose_dates(folder: RasterFolder, spec: RasterSpec) -> RasterFolder:
    """Return the folder with those files of each raster that are read, of all dates that lie there.

    Raises:
        PairingError: Where only one of pattern and spec says that each date has a file, or there are too few or too
            many dates.
    """
    if not folder.dates:
        if spec.layout == "file_per_date":
            raise PairingError(
                f"{folder.root}: found files without dates; 'layout: file_per_date' needs '{{date}}' in the pattern."
            )
        if spec.take_dates != "all":
            raise PairingError(
                f"{folder.root}: found files without dates, of which 'take_dates: {spec.take_dates}' cannot choose; it "
                "needs '{date}' in the pattern."
            )
        return folder
    if spec.layout not in {None, "file_per_date"}:
        raise PairingError(
            f"{folder.root}: found a file for each date, as the pattern has '{{date}}', and 'layout: {spec.layout}', "
            "which says that they are stacked. Set 'layout: file_per_date', or leave '{date}' out of the pattern."
        )
    wrong = {key: len(dates) for key, dates in folder.dates.items() if not _suits(len(dates), spec)}
    if wrong:
        shown = ", ".join(f"'{key}' ({count})" for key, count in list(wrong.items())[:10])
        needed = f"{spec.steps}" if spec.take_dates == "all" else f"at least {spec.steps}"
        raise PairingError(
            f"{folder.root}: found other numbers of dates than 'steps' says, {needed}, for {len(wrong)} raster(s): "
            f"{shown}. Correct 'steps', remove rasters, or let 'take_dates' choose where there are more."
        )
    files: dict[str, tuple[str, ...]] = {}
    dates: dict[str, tuple[date, ...]] = {}
    stated: dict[str, tuple[StatedFile, ...]] = {}
    for key, days in folder.dates.items():
        taken = _taken(len(days), spec)
        per_date = len(folder.files[key]) // len(days)
        dates[key] = tuple(days[index] for index in taken)
        positions = [index * per_date + part for index in taken for part in range(per_date)]
        files[key] = tuple(folder.files[key][position] for position in positions)
        if key in folder.stated:
            stated[key] = tuple(folder.stated[key][position] for position in positions)
    return replace(folder, files=files, dates=dates, stated=stated)


def _suits(count: int, spec: RasterSpec) -> bool:
    return count == spec.steps if spec.take_dates == "all" else count >= spec.steps


def _taken(count: int, spec: RasterSpec) -> list[int]:
    """Return the positions of the dates that are read, the earliest first."""
    if spec.take_dates == "evenly_spread" and spec.steps > 1:
        return [round(step * (count - 1) / (spec.steps - 1)) for step in range(spec.steps)]
    if spec.take_dates == "evenly_spread":
        return [(count - 1) // 2]
    return list(range(count - spec.steps, count))

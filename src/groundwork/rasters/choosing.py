"""Choose the dates or numbered steps that are read, where each has a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date

from groundwork.errors import PairingError
from groundwork.rasters.folder import RasterFolder
from groundwork.rasters.numbered import choose_numbers
from groundwork.rasters.stated_file import NOTHING_STATED
from groundwork.specs import NearestDates, RasterSpec

#: Days of a year, in which days of the year are counted round.
YEAR = 365


def choose_dates(folder: RasterFolder, spec: RasterSpec) -> RasterFolder:
    """Return the folder with those files of each raster that are read, of all dates or steps that lie there.

    Stacks are left as they are: which of their dates are read is chosen when they are opened. A step that is filled has
    no name of a file, and the date that is taken nearest to it: the last one, or where days
    of the year are wanted, the one nearest to its day.

    Raises:
        PairingError: Where only one of pattern and spec says that each date has a file, or there are too few or too
            many dates.
    """
    if folder.numbers or spec.step_numbers is not None:
        return choose_numbers(folder, spec)
    if not folder.dates:
        _require_no_dates(folder, spec)
        return folder
    if folder.stacked:
        _require_stacks(folder, spec)
        return folder
    if spec.layout not in {None, "file_per_date"}:
        raise PairingError(
            f"{folder.root}: found a file for each date, as the pattern has '{{date}}', and 'layout: {spec.layout}', "
            "which says that they are stacked. Set 'layout: file_per_date', or leave '{date}' out of the pattern."
        )
    _require_counts(folder, spec)
    chosen = {key: taken_of(days, spec) for key, days in folder.dates.items()}
    _require_near(folder, spec, chosen)
    files, dates, stated = dict(folder.files), dict(folder.dates), dict(folder.stated)
    for key, days in folder.dates.items():
        taken = chosen[key]
        per_date = len(folder.files[key]) // len(days)
        positions = [None if index is None else index * per_date + part for index in taken for part in range(per_date)]
        dates[key] = filled(taken, days, spec)
        files[key] = tuple("" if position is None else folder.files[key][position] for position in positions)
        if key in stated:
            stated[key] = tuple(
                NOTHING_STATED if position is None else folder.stated[key][position] for position in positions
            )
    return replace(folder, files=files, dates=dates, stated=stated)


def _require_no_dates(folder: RasterFolder, spec: RasterSpec) -> None:
    if spec.layout == "file_per_date":
        raise PairingError(
            f"{folder.root}: found files without dates; 'layout: file_per_date' needs '{{date}}' in the pattern, or "
            "'{step}' where steps have numbers and no dates, or '{step:A,B}' where they have such names."
        )
    # The dates of an axis or a tag are known when a file is opened, and chosen there.
    is_said_inside = spec.date_axis is not None or (spec.date_tag is not None and spec.is_chosen_in_file)
    if spec.take_dates != "all" and not is_said_inside:
        rule = "nearest_to" if isinstance(spec.take_dates, NearestDates) else spec.take_dates
        raise PairingError(
            f"{folder.root}: found files without dates, of which 'take_dates: {rule}' cannot choose; it needs "
            "'{date}' in the pattern, the 'date_axis' of arrays, or a table or the 'date_tag' of stacks that have a "
            "'layout'."
        )


def _require_stacks(folder: RasterFolder, spec: RasterSpec) -> None:
    if spec.layout in {None, "file_per_date"}:
        found = f"'layout: {spec.layout}'" if spec.layout else "no 'layout'"
        raise PairingError(
            f"{folder.root}: found several dates for one raster, as those of a stack, and {found}. Set 'layout' to how "
            "they are stacked, steps_first or bands_first, or give each date a row and a file of its own."
        )
    if spec.date_axis is not None:
        raise PairingError(
            f"{folder.root}: found dates for the steps of stacks, and 'date_axis: {spec.date_axis}', by which files "
            "say them; expected one of both. Set 'date_axis: null', or leave the dates out."
        )
    _require_counts(folder, spec)


def _require_counts(folder: RasterFolder, spec: RasterSpec) -> None:
    wrong = {key: len(dates) for key, dates in folder.dates.items() if not suits(len(dates), spec)}
    if wrong:
        shown = ", ".join(f"'{key}' ({count})" for key, count in list(wrong.items())[:10])
        raise PairingError(
            f"{folder.root}: found other numbers of dates than 'steps' says, {dates_needed(spec)}, for "
            f"{len(wrong)} raster(s): {shown}. Correct 'steps', remove rasters, let 'take_dates' choose where there "
            "are more, or let 'too_few_dates: fill' stand for what is missing."
        )


def _require_near(folder: RasterFolder, spec: RasterSpec, chosen: Mapping[str, Sequence[int | None]]) -> None:
    """Refuse rasters of which steps have no date near enough, unless steps may be filled; and such without any."""
    far = {key: taken for key, taken in chosen.items() if taken.count(None) > most_without(spec)}
    if not far or not isinstance(rule := spec.take_dates, NearestDates) or rule.within_days is None:
        return
    shown = ", ".join(
        f"'{key}' (day {', '.join(str(rule.nearest_to[step]) for step, index in enumerate(taken) if index is None)})"
        for key, taken in list(far.items())[:10]
    )
    needed = "at least one date" if spec.too_few_dates == "fill" else "a date for each day of 'nearest_to'"
    raise PairingError(
        f"{folder.root}: found {len(far)} raster(s) that lack {needed} that is at most {rule.within_days} days from "
        f"it: {shown}. Remove them, raise 'within_days', or let 'too_few_dates: fill' stand for single dates."
    )


def dates_needed(spec: RasterSpec) -> str:
    """Return in words how many dates :func:`suits` asks for."""
    if spec.too_few_dates == "fill":
        return f"at most {spec.steps}"
    return f"{spec.steps}" if spec.take_dates == "all" else f"at least {spec.steps}"


def most_without(spec: RasterSpec) -> int:
    """Return of how many steps the date may be missing: a raster without any shows nothing."""
    return spec.steps - 1 if spec.too_few_dates == "fill" else 0


def suits(count: int, spec: RasterSpec) -> bool:
    """Whether so many dates are enough for the steps that are read, and not too many."""
    if count < spec.steps:
        return spec.too_few_dates == "fill"
    return count == spec.steps or spec.take_dates != "all"


def taken_of(days: Sequence[date], spec: RasterSpec) -> list[int | None]:
    """Return for each step the position of the date that is read, the earliest first; None where there is none."""
    count = len(days)
    if isinstance(spec.take_dates, NearestDates):
        return _nearest(days, spec.take_dates)
    if count < spec.steps:
        return [*range(count), *[None] * (spec.steps - count)]
    if spec.take_dates == "evenly_spread" and spec.steps > 1:
        return [round(step * (count - 1) / (spec.steps - 1)) for step in range(spec.steps)]
    if spec.take_dates == "evenly_spread":
        return [(count - 1) // 2]
    return list(range(count - spec.steps, count))


def _nearest(days: Sequence[date], rule: NearestDates) -> list[int | None]:
    """Return for each day of the year the position of its date: the nearest pair first, and no date twice.

    Where two are as near, the earlier step goes first, then the earlier date.
    """
    most = YEAR if rule.within_days is None else rule.within_days
    pairs = sorted(
        (apart, step, index)
        for step, target in enumerate(rule.nearest_to)
        for index, day in enumerate(days)
        if (apart := distance_in_year(day, target)) <= most
    )
    taken: dict[int, int] = {}
    for _, step, index in pairs:
        if step not in taken and index not in taken.values():
            taken[step] = index
    return [taken.get(step) for step in range(len(rule.nearest_to))]


def distance_in_year(day: date, target: int) -> int:
    """Return how many days lie between a date, in whatever year, and a day of the year, across its end too."""
    apart = abs(min(day.timetuple().tm_yday, YEAR) - min(target, YEAR))
    return min(apart, YEAR - apart)


def filled(taken: Sequence[int | None], days: Sequence[date], spec: RasterSpec) -> tuple[date, ...]:
    """Return the date of each step; one that has none gets that of a step that has one.

    Args:
        taken: What :func:`taken_of` gave.
        days: The dates that it chose of.
        spec: With the days of the year that are wanted, if any are.
    """
    there = [days[index] for index in taken if index is not None]
    wanted = spec.take_dates.nearest_to if isinstance(spec.take_dates, NearestDates) else ()

    def instead(step: int) -> date:
        return min(there, key=lambda day: distance_in_year(day, wanted[step])) if wanted else there[-1]

    return tuple(instead(step) if index is None else days[index] for step, index in enumerate(taken))

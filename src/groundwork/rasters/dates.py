"""Dates in names of files, and in their tags."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path

from rasterio.io import DatasetReader

from groundwork.errors import NoDatesError, PairingError, RasterError
from groundwork.specs import RasterSpec


def read_day(text: str, path: Path) -> date:
    """Read a date in the ways that names of files have it: with or without hyphens, or as day of the year.

    Raises:
        PairingError: Where it is none.
    """
    digits = text.upper().partition("T")[0].replace("-", "")
    try:
        return _read_digits(digits)
    except ValueError:
        raise PairingError(
            f"{path}: found '{text}' where the pattern has '{{date}}'; expected a date such as 20240630, 2024-06-30 or "
            "2024182 (year and day). Correct the pattern, or rename the file."
        ) from None


def _read_digits(digits: str) -> date:
    form = "%Y%j" if len(digits) == len("2024182") else "%Y%m%d"
    # Where a time follows without a T, the date is what stands before it.
    day = datetime.strptime(digits[: len("20240630")], form).date()
    # Python takes day 366 of a year that has 365 for the first of the next one.
    if day.year != int(digits[:4]):
        raise ValueError(digits)
    return day


def read_dates(files: Sequence[DatasetReader], path: Path, spec: RasterSpec) -> list[date]:
    """Return what the tag of dates says in each file.

    Raises:
        NoDatesError: Where it is missing.
        RasterError: Where it does not hold as many dates as there are steps.
    """
    text = _text_of(files, spec)
    dates = _dates_in(text)
    if len(dates) != spec.steps:
        raise _other_dates(path, text, spec, f"{spec.steps} date(s)")
    return dates


def read_any_dates(file: DatasetReader, path: Path, spec: RasterSpec) -> list[date]:
    """Return what the tag of dates says in a file that stacks any number of them.

    Raises:
        NoDatesError: Where it is missing.
        RasterError: Where it does not hold dates.
    """
    text = _text_of([file], spec)
    dates = _dates_in(text)
    if not dates:
        raise _other_dates(path, text, spec, "a date for each step")
    return dates


def _text_of(files: Sequence[DatasetReader], spec: RasterSpec) -> str | None:
    texts = [file.tags().get(spec.date_tag) for file in files]
    return ", ".join(map(str, texts)) if any(texts) else None


def _dates_in(text: str | None) -> list[date]:
    """Return the dates of a tag; none where it holds something else."""
    try:
        return [_read_date(part.strip()) for part in (text or "").split(",")]
    except ValueError:
        return []


def _other_dates(path: Path, text: str | None, spec: RasterSpec, expected: str) -> RasterError:
    found = f"{text!r} in tag '{spec.date_tag}'"
    return (RasterError if text else NoDatesError)(path, found, f"{expected} such as 2024-06-30", "Correct 'date_tag'.")


def _read_date(text: str) -> date:
    """Read a date as ISO 8601 has it, or as TIFF's own tag has it.

    Raises:
        ValueError: For anything else; nothing behind the date is passed over.
    """
    is_tiffs = len(text) == len("2024:06:30 10:20:30") and text[4] == text[7] == ":"
    return (datetime.strptime(text, "%Y:%m:%d %H:%M:%S") if is_tiffs else datetime.fromisoformat(text)).date()

"""Rasters by a table: one row per raster, or per raster and date, with the path of its file or of each band's."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TypeAlias

import numpy as np

from groundwork.errors import PairingError
from groundwork.rasters.addresses import is_there, name_below, place_below, place_of
from groundwork.rasters.folder import RasterFolder, preview
from groundwork.rasters.table_cells import read_cells
from groundwork.strict import did_you_mean

#: Column -> text of its cell.
Row: TypeAlias = dict[str, str]
#: What a row says of dates: none, its own, or all those of a stack.
Days: TypeAlias = tuple[date, ...]


@dataclass(frozen=True, slots=True)
class TableColumns:
    """Which columns of a table say what."""

    key: str
    #: One, or one per band, in the order of the bands.
    paths: tuple[str, ...]
    #: Dates in ISO 8601: one, with a row for each, or with commas between them all those of a stack. None: rasters have
    #: no dates.
    date: str | None = None
    #: What else is kept of each raster. None: all further columns.
    others: tuple[str, ...] | None = None


def read_raster_table(file: Path, root: Path, columns: TableColumns) -> RasterFolder:
    """Read a table of rasters, as CSV or Parquet. No raster is opened.

    Args:
        file: The table.
        root: What its relative paths start from.
        columns: Which columns say what.

    Raises:
        PairingError: Where the table cannot be read, lacks a column, has an empty cell, two rows for one raster (and
            date), a path at which there is no file, or says two things of one raster.
    """
    header, *cells = read_rows(file, "rasters")
    others = _check_columns(file, header, columns)
    taken = [columns.key, *columns.paths, *([] if columns.date is None else [columns.date]), *others]
    rows = list(_rows(file, [header.index(name) for name in taken], header, cells))
    if not rows:
        raise PairingError(f"{file}: found no row; expected one for each raster.")
    days = [() if columns.date is None else _days(file, row[columns.date]) for row in rows]
    is_stacked = any(len(found) > 1 for found in days)
    files: dict[str, tuple[str, ...]] = {}
    dates: dict[str, tuple[date, ...]] = {}
    said: dict[str, dict[str, str]] = {}
    for key, found, row in _ordered(file, columns, rows, days, is_stacked=is_stacked):
        files[key] = (*files.get(key, ()), *(_name(file, root, row[column]) for column in columns.paths))
        if found:
            dates[key] = (*dates.get(key, ()), *found)
        _require_one_saying(file, key, said.setdefault(key, {name: row[name] for name in others}), row)
    _require_files(file, root, files)
    return RasterFolder(root, files, dates, is_stacked, said if others else {})


def _ordered(
    file: Path, columns: TableColumns, rows: Sequence[Row], days: Sequence[Days], *, is_stacked: bool
) -> list[tuple[str, Days, Row]]:
    """Return key, dates and cells of each row, by key and date; of a stack there is one row, with all its dates."""
    places: dict[tuple[str, Days], int] = {}
    for number, (row, found) in enumerate(zip(rows, days, strict=True)):
        place = (_key(file, row[columns.key]), () if is_stacked else found)
        if place in places:
            what = f"the key '{place[0]}'" + (f" and the date {place[1][0]}" if place[1] else "")
            hint = "" if columns.date else " If they are its dates, name the column of the dates as 'date'."
            hint = " Another row names several dates, which are those of a stack." if is_stacked else hint
            raise PairingError(
                f"{file}: found {what} in rows {places[place] + 1} and {number + 1}; expected one row.{hint}"
            )
        places[place] = number
    return [(key, days[number], rows[number]) for (key, _), number in sorted(places.items())]


def read_rows(file: Path, what: str) -> list[list[str]]:
    """Return the names of the columns, and the cells of each row, of a table in CSV or Parquet.

    Args:
        file: The table.
        what: It is a table of, for messages.

    Raises:
        PairingError: Where it cannot be read, has rows of other lengths, or decimals of two signs in a column.
    """
    if not file.is_file():
        raise PairingError(f"{file}: found no such file; expected a table of {what}. Correct its path.")
    try:
        if file.suffix.lower() in {".parquet", ".pq"}:
            from pandas import read_parquet  # noqa: PLC0415 - it takes 60 MB that maps do not need

            frame = read_parquet(file)
            rows = [[_text(value) for value in row] for row in frame.itertuples(index=False, name=None)]
            return [[str(name) for name in frame.columns], *rows]
        rows = read_cells(file)
    except PairingError:
        raise
    except (ValueError, OSError, csv.Error) as error:
        raise PairingError(
            f"{file}: found no table that can be read ({error}); expected CSV in UTF-8 or Parquet."
        ) from error
    uneven = [number for number, row in enumerate(rows) if len(row) != len(rows[0])]
    if uneven or not rows:
        found = f"{len(rows[uneven[0]])} cells in row {uneven[0]}" if uneven else "an empty file"
        names = f", which are {rows[0]}" if rows else ""
        raise PairingError(
            f"{file}: found {found}; expected a line with the names of columns{names}, and as many cells in each row."
        )
    return rows


def _check_columns(file: Path, found: Sequence[str], columns: TableColumns) -> list[str]:
    """Return the further columns that are kept."""
    named = [columns.key, *columns.paths, *([] if columns.date is None else [columns.date])]
    for name in (*named, *(columns.others or ())):
        if name not in found:
            raise PairingError(
                f"{file}: found no column '{name}'; columns: {preview(found, 20)}.{did_you_mean(name, found)}"
            )
    twice = sorted({name for name in named if named.count(name) > 1})
    if twice:
        raise PairingError(f"{file}: the columns {twice} are named for two things; expected one column for each.")
    return [name for name in (found if columns.others is None else columns.others) if name not in named]


def _rows(file: Path, taken: Sequence[int], header: Sequence[str], cells: Sequence[Sequence[str]]) -> Iterator[Row]:
    for number, values in enumerate(cells, start=1):
        row = {header[index]: values[index] for index in taken}
        empty = [name for name, text in row.items() if not text]
        if empty:
            raise PairingError(
                f"{file}: found an empty cell in row {number}, column '{empty[0]}'; expected text. Fill it, or name in "
                "'columns' those further columns that are wanted."
            )
        yield row


def _text(value: object) -> str:
    """Return a cell as text. Parquet has types: a date is written as ISO 8601 has it, and nothing as no text."""
    import pandas as pd  # noqa: PLC0415 - it takes 60 MB that maps do not need

    if isinstance(value, Sequence | np.ndarray) and not isinstance(value, str):
        return ", ".join(_text(part) for part in value)
    if isinstance(value, date | datetime):
        return "" if pd.isna(value) else value.isoformat()
    return "" if value is None or value is pd.NA or value != value else str(value).strip()  # noqa: PLR0124 - NaN


def _key(file: Path, text: str) -> str:
    if "/" in text:
        raise PairingError(f"{file}: found the key '{text}'; expected one without '/', as files are named by it.")
    return text


def _days(file: Path, text: str) -> Days:
    try:
        return tuple(datetime.fromisoformat(part.strip()).date() for part in text.split(","))
    except ValueError:
        raise PairingError(
            f"{file}: found '{text}' in the column of the dates; expected a date of ISO 8601, such as 2024-06-30, or "
            "with commas between them those of a stack."
        ) from None


def _name(file: Path, root: Path, text: str) -> str:
    """Return a path as sample tables keep it: relative to the folder where it lies in it."""
    if "|" in text:
        raise PairingError(
            f"{file}: found the path '{text}'; '|' separates files in the sample table. Rename the file."
        )
    place = place_of(text)
    return name_below(root, place) if place.is_absolute() else text


def _require_one_saying(file: Path, key: str, said: Row, row: Row) -> None:
    """Refuse what differs between the dates of a raster: it would be said of the raster as a whole."""
    for name, text in said.items():
        if row[name] != text:
            raise PairingError(
                f"{file}: found '{text}' and '{row[name]}' in column '{name}' for the key '{key}'; expected one text "
                "for all its dates. Name in 'columns' those that hold for all of them."
            )


def _require_files(file: Path, root: Path, files: dict[str, tuple[str, ...]]) -> None:
    """Refuse paths at which there is no file."""
    missing = [name for names in files.values() for name in names if not is_there(place_below(root, name))]
    if missing:
        raise PairingError(
            f"{file}: found {len(missing)} path(s) at which there is no file: {preview(missing)}; expected paths "
            f"relative to {root}, or absolute ones. Correct them, or set 'folder' to what they are relative to."
        )

"""The table of samples: names of its columns, what they hold, and its file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from groundwork.atomic import whole_file
from groundwork.data.dates import dates_of_reference

if TYPE_CHECKING:
    # It takes memory that maps do not need.
    import pandas as pd

SAMPLE_ID = "sample_id"
#: Key of the scene that a sample was cut from.
SCENE = "scene"
SPLIT = "split"
#: Where a sample lies in its scene, in pixels: first row, first column, and side.
ROW, COLUMN, SIZE = "row", "column", "size"
CRS, PIXEL_SIZE = "crs", "pixel_size"
#: Bounds in units of the CRS.
BOUNDS = ("west", "south", "east", "north")
#: Centre in degrees.
LATITUDE, LONGITUDE = "latitude", "longitude"
#: Acquisition date of each step, ISO 8601, separated by commas.
DATES = "dates"
VALID_FRACTION = "valid_fraction"
#: What pixels and label were when the sample was indexed.
CHECKSUM = "checksum"
#: What its pixels are, whatever the file and the place.
CONTENT = "content"
#: Where files of a source are separated, of which there may be one for each band.
_BETWEEN_FILES = "|"
_PATH = "path_"
LABEL_PATH = f"{_PATH}label"
#: What a table of rasters says of the scene besides, such as a region to split by.
_COLUMN = "column_"
_STACK = "stack_"
#: Columns that are text, whatever they look like: a scene may be called ``007``.
TEXT = (SAMPLE_ID, SCENE, LABEL_PATH, CRS, DATES, SPLIT, CHECKSUM, CONTENT)


def path_column(source: str) -> str:
    """Return the column of the files of a source."""
    return f"{_PATH}{source}"


def stated_column(name: str) -> str:
    """Return the column of what a table of rasters says of scenes under a name."""
    return f"{_COLUMN}{name}"


def stated(columns: Mapping[str, str]) -> dict[str, str]:
    """Return what a table of rasters says of a scene, as cells of this table."""
    return {stated_column(name): text for name, text in columns.items()}


def stack_column(source: str) -> str:
    """Return the column of the dates that a table states of the stacks of a source, where others are read than these.

    They say which steps of a file are read, and :data:`DATES` when those were taken.
    """
    return f"{_STACK}{source}"


def join_files(files: Sequence[str]) -> str:
    """Return the files of a source, relative to its folder, as a cell of the table."""
    return _BETWEEN_FILES.join(files)


def split_files(cell: str) -> list[str]:
    """Return the files of a cell; none where the scene lacks the source."""
    return cell.split(_BETWEEN_FILES) if cell else []


def of_split(samples: pd.DataFrame, split: str) -> pd.DataFrame:
    """Return the samples of one split."""
    return samples[samples[SPLIT] == split]


def window_of(row: int, column: int, size: int) -> Window:
    """Return the window of a sample."""
    return Window(column, row, size, size)


def windows(samples: pd.DataFrame) -> NDArray[np.int64]:
    """Return row, column and size of each sample, (samples, 3); see :func:`window_of`."""
    places: NDArray[np.int64] = samples[[ROW, COLUMN, SIZE]].to_numpy(np.int64)
    return places


def locations(samples: pd.DataFrame) -> NDArray[np.float32] | None:
    """Return latitude and longitude of each sample, (samples, 2); None where one has none."""
    places = samples[[LATITUDE, LONGITUDE]].to_numpy(np.float64, na_value=np.nan)
    return None if np.isnan(places).any() else places.astype(np.float32)


def dates_column(source: str) -> str:
    """Return the column of the dates of a source, where these are not those of the reference."""
    return f"{DATES}_{source}"


def dates(samples: pd.DataFrame, source: str, steps: int) -> NDArray[np.float32] | None:
    """Return year and day of the year from 0 of each step of a source, (samples, steps, 2).

    Where the source states none, they are those of the reference, as :func:`dates_of_reference` has it. None where a
    sample has none, as a batch has them or has not.
    """
    import pandas as pd  # noqa: PLC0415 - it takes 60 MB that maps do not need

    nothing = pd.Series("", index=samples.index)
    stated = pd.DataFrame(
        {
            "own": samples.get(dates_column(source), nothing).fillna("").astype(str),
            "reference": samples[DATES].fillna("").astype(str),
            "is_missing": samples.get(path_column(source), nothing + "there").fillna("") == "",
        }
    )
    # Samples of a scene, and mostly many scenes, have the same dates.
    rows: list[NDArray[np.float32]] = []
    for row in stated.drop_duplicates().itertuples():
        reference = dates_of_reference(split_dates(row.reference), steps, is_missing=row.is_missing)
        found = split_dates(row.own) or reference
        if found is None:
            return None
        rows.append(to_days(found))
    place = stated.groupby(list(stated.columns), sort=False).ngroup().to_numpy()
    return np.stack(rows)[place] if rows else None


def split_dates(text: str) -> list[date]:
    """Return the dates of a cell; none where it is empty."""
    return [date.fromisoformat(part) for part in text.split(",")] if text else []


def to_days(days: Sequence[date]) -> NDArray[np.float32]:
    """Return year, and day of the year from 0, of each date, (dates, 2)."""
    return np.array([[day.year, day.timetuple().tm_yday - 1] for day in days], np.float32)


def join_dates(days: Sequence[date] | None) -> str | None:
    """Return dates as a cell of the table."""
    return ",".join(day.isoformat() for day in days) if days else None


def read_samples(path: Path) -> pd.DataFrame:
    """Read a table written by :func:`write_samples`."""
    import pandas as pd  # noqa: PLC0415 - it takes 60 MB that maps do not need

    header = pd.read_csv(path, nrows=0).columns
    prefixes = (_PATH, _COLUMN, _STACK, f"{DATES}_")
    text = {name: "string" for name in header if name in TEXT or name.startswith(prefixes)}
    return pd.read_csv(path, dtype=text, keep_default_na=False, na_values={n: [""] for n in header if n not in text})


def write_samples(samples: pd.DataFrame, path: Path) -> None:
    """Write a table as CSV, whole or not at all."""
    with whole_file(path) as partial:
        samples.to_csv(partial, index=False, lineterminator="\n")

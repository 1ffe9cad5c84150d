"""Labels of whole scenes: a table with a row for each, or a folder for each class."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from groundwork.config.label_windows import LabelWindows
from groundwork.errors import PairingError
from groundwork.rasters.folder import names_in, preview
from groundwork.rasters.raster_table import read_rows
from groundwork.strict import did_you_mean
from groundwork.targets.tabled import CLASS_COLUMN
from groundwork.targets.tabled_windows import COLUMNS as WINDOW_COLUMNS
from groundwork.targets.tabled_windows import ROWS as WINDOW_ROWS


@dataclass(frozen=True, slots=True)
class LabelTable:
    """What a table says of each scene."""

    root: Path
    #: Of the table, relative to ``root``.
    name: str
    #: Key of a scene -> column -> value; or all rows of its windows, see :mod:`groundwork.targets.tabled_windows`.
    rows: Mapping[str, Mapping[str, object]]


def read_label_table(path: Path, key: str, windows: LabelWindows | None = None) -> LabelTable:
    """Read a table from CSV or Parquet.

    Args:
        path: The file.
        key: Column with the keys of the scenes, which stay text, such as ``007``.
        windows: Which columns say where the window of a row lies. None: there is a row for each scene.

    Raises:
        PairingError: Where the table cannot be read, the column is not there, or a key is empty or stands twice.
    """
    header, *cells = read_rows(path, "labels")
    if key not in header or len(set(header)) < len(header):
        none = f"and none called '{key}' with the keys of the scenes"
        what = none if key not in header else "of which some are alike"
        raise PairingError(
            f"{path}: found the columns {header}, {what}.{did_you_mean(key, header)} Correct the names of the columns."
        )
    _require_columns(path, header, windows)
    rows: dict[str, dict[str, object]] = {}
    of_windows: dict[str, list[dict[str, object]]] = {}
    twice: list[str] = []
    for number, row in enumerate(cells, start=1):
        values: dict[str, object] = {name: cell or None for name, cell in zip(header, row, strict=True)}
        place = values.pop(key)
        if place is None:
            raise PairingError(f"{path}: found no key in row {number} behind the header. Fill it, or remove the row.")
        if windows is not None:
            of_windows.setdefault(str(place), []).append(values)
            continue
        if place in rows:
            twice.append(str(place))
        rows[str(place)] = values
    if twice:
        raise PairingError(
            f"{path}: found {len(twice)} more row(s) for keys that stand there already: {preview(sorted(set(twice)))}; "
            "expected one row for each scene. Remove the others, or say by 'windows' which columns tell them apart."
        )
    if windows is not None:
        columns = windows.model_dump(mode="json")
        rows = {name: {WINDOW_ROWS: found, WINDOW_COLUMNS: columns} for name, found in of_windows.items()}
    return LabelTable(path.parent, path.name, rows)


def _require_columns(path: Path, header: Sequence[str], windows: LabelWindows | None) -> None:
    lost = [name for name in ([] if windows is None else windows.columns) if name not in header]
    if lost:
        raise PairingError(
            f"{path}: found the columns {list(header)}, and none called '{lost[0]}', which 'windows' names."
            f"{did_you_mean(lost[0], list(header))} Correct the name."
        )


def find_class_folders(root: Path, pattern: str) -> LabelTable:
    """Take the classes of scenes from the folders that they lie in.

    Args:
        root: Folder.
        pattern: Path relative to it with ``{class}`` and ``{key}``, such as ``{class}/{key}.tif``, and ``*`` for
            anything within one name.

    Raises:
        PairingError: Where nothing is found, or a key lies in folders of two classes.
    """
    expression = re.escape(pattern).replace(r"\*", "[^/]*")
    for word in ("class", "key"):
        expression = expression.replace(rf"\{{{word}\}}", f"(?P<{word}>[^/]+)")
    rows: dict[str, dict[str, object]] = {}
    for path in names_in(root) or ():
        # As scenes are found: whatever the case, and nothing that is hidden.
        found = re.fullmatch(expression, path, re.IGNORECASE)
        if found is None:
            continue
        key, name = found["key"], found["class"]
        if key in rows:
            raise PairingError(
                f"{root}: found '{key}' in the folders of '{rows[key][CLASS_COLUMN]}' and of '{name}'; expected one "
                "class for each scene. Remove or rename one of the files."
            )
        rows[key] = {CLASS_COLUMN: name}
    if not rows:
        raise PairingError(f"{root}: found no file that matches '{pattern}'. Correct the path or the pattern.")
    return LabelTable(root, "", rows)

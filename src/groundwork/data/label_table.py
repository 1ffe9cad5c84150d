"""Labels of whole scenes: a table with a row for each, or a folder for each class."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from groundwork.errors import PairingError
from groundwork.rasters.folder import preview
from groundwork.strict import did_you_mean
from groundwork.targets.tabled import CLASS_COLUMN


@dataclass(frozen=True, slots=True)
class LabelTable:
    """What a table says of each scene."""

    root: Path
    #: Of the table, relative to ``root``.
    name: str
    #: Key of a scene -> column -> value.
    rows: Mapping[str, Mapping[str, object]]


def read_label_table(path: Path, key: str) -> LabelTable:
    """Read a table from CSV or Parquet.

    Args:
        path: The file.
        key: Column with the keys of the scenes, which stay text, such as ``007``.

    Raises:
        PairingError: Where the file or the column is not there, or a key is empty or stands twice.
    """
    if not path.is_file():
        raise PairingError(f"{path}: found no such table. Correct its path.")
    is_parquet = path.suffix.lower() == ".parquet"
    table = pd.read_parquet(path) if is_parquet else pd.read_csv(path, dtype={key: "string"}, encoding="utf-8-sig")
    if key not in table:
        known = [str(name) for name in table.columns]
        raise PairingError(
            f"{path}: found the columns {known}, and none called '{key}' with the keys of the scenes."
            f"{did_you_mean(key, known)} Correct the name of the column."
        )
    keys = table[key].astype("string").str.strip()
    empty, twice = keys.isna() | (keys == ""), keys[keys.duplicated()]
    if empty.any():
        raise PairingError(
            f"{path}: found no key in row {int(empty.to_numpy().argmax()) + 1} behind the header. Fill it, or remove "
            "the row."
        )
    if len(twice):
        raise PairingError(
            f"{path}: found {len(twice)} more row(s) for keys that stand there already: {preview(sorted(set(twice)))}; "
            "expected one row for each scene. Remove the others."
        )
    columns = [name for name in table.columns if name != key]
    rows = table[columns].astype(object).to_dict(orient="records")
    return LabelTable(path.parent, path.name, dict(zip(keys.tolist(), rows, strict=True)))


def find_class_folders(root: Path, pattern: str) -> LabelTable:
    """Take the classes of scenes from the folders that they lie in.

    Args:
        root: Folder.
        pattern: Path relative to it with ``{class}`` and ``{key}``, such as ``{class}/{key}.tif``.

    Raises:
        PairingError: Where nothing is found, or a key lies in folders of two classes.
    """
    expression = re.escape(pattern).replace(r"\{class\}", "(?P<class>[^/]+)").replace(r"\{key\}", "(?P<key>[^/]+)")
    rows: dict[str, dict[str, object]] = {}
    for path in sorted(root.rglob("*")):
        found = re.fullmatch(expression, path.relative_to(root).as_posix())
        if found is None or not path.is_file():
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

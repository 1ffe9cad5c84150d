"""Cells of tables as CSV: by commas, or as spreadsheets write them where a comma is the sign of decimals."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from pathlib import Path

from groundwork.errors import PairingError

#: What separates cells where the names of the columns have it, and no comma.
OTHER_SEPARATORS = (";", "\t")
_NUMBER = re.compile(r"[+-]?\d+(?P<decimals>[.,]\d+)?(?:[eE][+-]?\d+)?")


def read_cells(file: Path) -> list[list[str]]:
    """Return the cells of each row that has some, without blanks around them.

    Columns of numbers get a point for their decimal comma where cells are separated by another sign.

    Args:
        file: CSV in UTF-8.

    Raises:
        PairingError: Where a column has decimals with points and others with commas.
        OSError: Where it cannot be read.
        ValueError: Where it is not in UTF-8.
        csv.Error: Where a quotation does not end.
    """
    # Windows begins a text with a mark that would become a part of the first name. pandas is not asked, as it takes
    # the first cell of a row that is too long for the name of the row.
    with file.open(encoding="utf-8-sig", newline="") as lines:
        header = lines.readline()
        lines.seek(0)
        separator = ","
        if separator not in header:
            separator = next((sign for sign in OTHER_SEPARATORS if sign in header), separator)
        rows = [[cell.strip() for cell in row] for row in csv.reader(lines, delimiter=separator, strict=True) if row]
    return rows if separator == "," else _with_points(file, rows)


def _with_points(file: Path, rows: list[list[str]]) -> list[list[str]]:
    header, *cells = rows
    if any(len(row) != len(header) for row in cells):
        return rows
    columns = [_column_with_points(file, name, column) for name, *column in zip(*rows, strict=True)]
    return [header, *(list(row) for row in zip(*columns, strict=True))]


def _column_with_points(file: Path, name: str, cells: Sequence[str]) -> Sequence[str]:
    found = [_NUMBER.fullmatch(cell) for cell in cells if cell]
    signs = {number["decimals"][0]: number[0] for number in found if number is not None and number["decimals"]}
    if None in found or "," not in signs:
        return cells
    if "." in signs:
        raise PairingError(
            f"{file}: found '{signs[',']}' and '{signs['.']}' in column '{name}'; expected one sign of decimals in a "
            "column. Write its numbers alike, without signs between thousands."
        )
    return [cell.replace(",", ".") for cell in cells]

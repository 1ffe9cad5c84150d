"""Labels that stand in tables: one answer for all pixels of a scene."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from groundwork.batch import Answers
from groundwork.errors import RasterError
from groundwork.rasters.grid import Grid
from groundwork.specs import TargetSpec
from groundwork.strict import did_you_mean
from groundwork.targets.label import Label, LabelSource
from groundwork.targets.labels import IGNORE
from groundwork.targets.meanings import class_meanings, plain_value
from groundwork.targets.numbers import require_range

#: The column of classes where none is named.
CLASS_COLUMN = "class"


class TabledLabel(Label):
    """The row of a table that says what a scene is."""

    #: What is asked for where there is no table, in words.
    needs: ClassVar[str] = "a table with a row for each scene, or a folder for each class"

    def __init__(self, source: LabelSource) -> None:
        """Take the row.

        Raises:
            RasterError: Where labels are files of their own.
        """
        self.path: Path = source.paths[0]
        if source.row is None:
            raise RasterError(self.path, "a label file, although the target is one 'per: image'", self.needs)
        self._row, self._key = source.row, source.key

    def _value(self, column: str) -> object:
        if column not in self._row:
            known = list(self._row)
            hint = did_you_mean(column, known)
            raise RasterError(self.path, f"the columns {known}", f"one called '{column}'", f"Correct it.{hint}")
        return self._row[column]

    def check_grid(self, grid: Grid) -> None:
        """See :class:`Label`: a row has no grid."""

    def close(self) -> None:
        """Nothing is open."""


class TabledClass(TabledLabel):
    """The class of a scene; answers are its index for all pixels (height, width), int64."""

    def __init__(self, source: LabelSource, target: TargetSpec) -> None:
        """Read the class.

        Raises:
            RasterError: Where the table has no such column, or says what is no class.
        """
        super().__init__(source)
        column, meanings = target.column or CLASS_COLUMN, class_meanings(target)
        value = plain_value(self._value(column))
        if value not in meanings and isinstance(value, str) and value.lstrip("-").isdigit():
            # Tables in CSV hold texts; a label value is a number.
            value = int(value)
        if value is not None and value not in meanings:
            raise RasterError(
                self.path,
                f"'{value}' in column '{column}' of '{self._key}'",
                f"one of {list(meanings)}, or nothing where nobody knows",
                _remedy(value, target.names),
            )
        self._index = IGNORE if value is None else meanings[value]

    def read(self, window: Window) -> Answers:
        """See :class:`Label`."""
        return np.full((int(window.height), int(window.width)), self._index, np.int64)


def _remedy(value: int | str, names: Sequence[str]) -> str:
    if isinstance(value, int):
        return "Declare the class, or add the value to 'ignore_value'."
    return f"Declare the class, or correct the cell.{did_you_mean(value, names)}"


class TabledNumbers(TabledLabel):
    """The numbers of a scene; answers are the same for all pixels (outputs, height, width), NaN where not known."""

    def __init__(self, source: LabelSource, target: TargetSpec) -> None:
        """Read the numbers.

        Raises:
            RasterError: Where the table lacks an output, or holds what is no number or beyond its limits.
        """
        super().__init__(source)
        numbers: list[float] = []
        for output in target.outputs:
            raw = self._number(output.name)
            number = float("nan") if raw == output.nodata else raw * output.scale + output.offset
            place = f"in column '{output.name}' of '{self._key}'"
            require_range(self.path, np.array([number]), output, place)
            numbers.append(number)
        self._numbers: NDArray[np.float32] = np.array(numbers, np.float32)

    def _number(self, column: str) -> float:
        value = self._value(column)
        text = "nan" if value is None else str(value)
        try:
            # Python itself takes 1_000 for a number.
            return float(text.replace("_", "?"))
        except ValueError:
            raise RasterError(
                self.path,
                f"'{value}' in column '{column}' of '{self._key}'",
                "a number, or nothing",
                "Write it as 1234.5, or leave the cell empty where nobody knows it.",
            ) from None

    def read(self, window: Window) -> Answers:
        """See :class:`Label`."""
        size = (len(self._numbers), int(window.height), int(window.width))
        return np.broadcast_to(self._numbers[:, None, None], size).copy()

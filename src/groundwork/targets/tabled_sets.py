"""Labels that say several classes of an image: a column that lists them, or a column for each class."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from groundwork.batch import Answers
from groundwork.errors import RasterError
from groundwork.specs import TargetSpec
from groundwork.strict import did_you_mean
from groundwork.targets.label import LabelSource
from groundwork.targets.labels import IGNORE
from groundwork.targets.meanings import class_meanings, plain_value
from groundwork.targets.tabled import TabledLabel

#: What cells of a class's own column say, whatever the case. Whole numbers with gaps are written as fractions.
ANSWERS = {"1": 1, "1.0": 1, "true": 1, "0": 0, "0.0": 0, "false": 0}


class TabledClassSet(TabledLabel):
    """The classes of a scene; answers are the same for all pixels (classes, height, width), int8.

    For each class 1 where the scene is of it, 0 where it is not, IGNORE where nobody knows.
    """

    needs = "a table with a row for each scene"

    def __init__(self, source: LabelSource, target: TargetSpec) -> None:
        """Read the classes.

        Raises:
            RasterError: Where the table lacks a column, or says what is no class, or neither yes nor no.
        """
        super().__init__(source)
        self._target = target
        listed = target.column is not None and target.separator is not None
        found = self._listed(target.column or "", target.separator or "") if listed else self._by_column()
        self._answers: NDArray[np.int8] = np.array(found, np.int8)

    def _listed(self, column: str, separator: str) -> list[int]:
        """Return what a column says that lists the classes."""
        target, meanings = self._target, class_meanings(self._target)
        value = plain_value(self._value(column))
        text = "" if value is None else str(value).strip()
        if not text:
            return [IGNORE] * target.num_outputs
        if text == target.no_class:
            return [0] * target.num_outputs
        answers = [0] * target.num_outputs
        for part in text.split(separator):
            name = part.strip()
            # Tables in CSV hold texts; a label value is a number.
            index = meanings.get(int(name) if name not in meanings and name.lstrip("-").isdigit() else name)
            if index is None:
                raise self._no_class(name, column)
            if index == IGNORE:
                return [IGNORE] * target.num_outputs
            answers[index] = 1
        return answers

    def _no_class(self, name: str, column: str) -> RasterError:
        names, none = list(self._target.names), self._target.no_class
        return RasterError(
            self.path,
            f"'{name}' in column '{column}' of '{self._key}', split by '{self._target.separator}'",
            f"some of {names}" + ("" if none is None else f", or '{none}' by itself"),
            f"Declare the class, or correct 'separator'.{did_you_mean(name, names)}",
        )

    def _by_column(self) -> list[int]:
        """Return what the columns of the classes say."""
        answers = []
        for name in self._target.names:
            value = plain_value(self._value(name))
            text = "" if value is None else str(value).strip().casefold()
            unknown = not text or text in {str(ignored) for ignored in self._target.ignore_values}
            if not unknown and text not in ANSWERS:
                raise RasterError(
                    self.path,
                    f"'{value}' in column '{name}' of '{self._key}'",
                    "1 or true, 0 or false, or nothing where nobody knows",
                    "Correct the cell, or set 'column' and 'separator' for a column that lists the classes.",
                )
            answers.append(IGNORE if unknown else ANSWERS[text])
        return answers

    def read(self, window: Window) -> Answers:
        """See :class:`Label`."""
        size = (len(self._answers), int(window.height), int(window.width))
        return np.broadcast_to(self._answers[:, None, None], size).copy()

"""Labels that stand in tables: one answer for each window of a scene."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeAlias, cast, final

import numpy as np
from rasterio.windows import Window

from groundwork.batch import Answers, Patch
from groundwork.config.label_windows import LabelWindows
from groundwork.errors import RasterError
from groundwork.rasters.grid import Grid
from groundwork.rasters.windows import describe_window
from groundwork.targets.label import Label, LabelSource

#: What stands in the place of a row where a scene has several: the rows, and which columns say where they lie.
ROWS, COLUMNS = ":rows", ":columns"
#: How far the edges of a window may lie off those of pixels, in pixels: what numbers lose in a text.
OFF = 0.01
#: How many windows a message names.
_SHOWN = 3
#: First row, first column, height and width.
Place: TypeAlias = tuple[int, int, int, int]


def open_tabled(source: LabelSource, grid: Grid, make: Callable[[LabelSource], Label], unknown: float) -> Label:
    """Open what a table says of a scene, by one row or by a row for each window.

    Args:
        source: With what the table says.
        grid: Of the scene.
        make: Opens what one row says.
        unknown: Stands for answers that are not known.

    Raises:
        RasterError: Where a row does not say an answer, or its window does not lie in the scene or stands there twice.
    """
    if source.row is None or ROWS not in source.row:
        return make(source)
    return TabledWindows(source, grid, make, unknown)


@final
class TabledWindows(Label):
    """The rows of a table that say what the windows of a scene are; chips are these windows."""

    def __init__(self, source: LabelSource, grid: Grid, make: Callable[[LabelSource], Label], unknown: float) -> None:
        """Read all rows of the scene. See :func:`open_tabled`."""
        self.path, self._key, self._grid, self._unknown = source.paths[0], source.key, grid, unknown
        given: Mapping[str, Any] = source.row or {}
        self._columns = LabelWindows.model_validate(given[COLUMNS])
        rows = cast("Sequence[Mapping[str, object]]", given[ROWS])
        places = [self._place(row) for row in rows]
        self._require_once(places)
        named = [f"{self._key}, {describe_window(_window(place))}" for place in places]
        self._labels = [make(LabelSource(source.paths, row, name)) for row, name in zip(rows, named, strict=True)]
        self._numbers = {place: number for number, place in enumerate(places)}
        edges = np.array(places, np.int64).reshape(-1, 4)
        #: Which windows they are, from above to below: those near some rows of a scene stand together.
        self._order = edges[:, 0].argsort(kind="stable")
        self._edges = edges[self._order]
        self._tallest = int(edges[:, 2].max())
        self._asked: set[Place] = set()

    def _place(self, row: Mapping[str, object]) -> Place:
        numbers = [self._number(row, column) for column in self._columns.columns]
        size = self._columns.size
        edges = self._of_bounds(numbers) if size is None else (numbers[0], numbers[1], float(size), float(size))
        top, left, height, width = (round(edge) for edge in edges)
        stated = ", ".join(f"{column} {row[column]}" for column in self._columns.columns)
        if max(abs(edge - whole) for edge, whole in zip(edges, (top, left, height, width), strict=True)) > OFF:
            found = f"the window of '{self._key}' with {stated}, whose edges lie between pixels"
            raise RasterError(self.path, found, "windows along the pixels of the scene", "Correct them.")
        grid = self._grid
        # A scene that is smaller than its one chip is reached over.
        outside = (top < 0 or left < 0 or height < 1 or width < 1
                   or (top > 0 and top + height > grid.height) or (left > 0 and left + width > grid.width))  # fmt: skip
        if outside:
            found = f"the window of '{self._key}' with {stated}, which does not lie in its scene"
            expected = f"windows within {grid.height} x {grid.width} pixels (height x width)"
            raise RasterError(self.path, found, expected, "Correct or remove the row.")
        return top, left, height, width

    def _number(self, row: Mapping[str, object], column: str) -> float:
        try:
            return float(str(row[column]))
        except ValueError:
            found = f"'{row[column]}' in column '{column}' of '{self._key}'"
            raise RasterError(self.path, found, "a number", "Correct it.") from None

    def _of_bounds(self, bounds: Sequence[float]) -> tuple[float, float, float, float]:
        left, bottom, right, top = bounds
        inverse = ~self._grid.transform
        first, last = inverse @ (left, top), inverse @ (right, bottom)
        return first[1], first[0], last[1] - first[1], last[0] - first[0]

    def _require_once(self, places: Sequence[Place]) -> None:
        twice = sorted(place for place, count in Counter(places).items() if count > 1)
        if twice:
            found = f"{len(twice)} window(s) of '{self._key}' that have several rows: {_named(twice)}"
            raise RasterError(self.path, found, "one row for each window", "Remove the others.")

    def check_grid(self, grid: Grid) -> None:
        """See :class:`Label`: windows were placed on the grid that the label was opened with."""

    def read(self, window: Window) -> Answers:
        """Read the answers of pixels; of those of several windows what stands first in the table."""
        (top, bottom), (left, right) = window.toranges()
        answers = self._nothing((bottom - top, right - left))
        around = slice(*np.searchsorted(self._edges[:, 0], [top - self._tallest, bottom]))
        edges, numbers = self._edges[around], self._order[around]
        rows, columns, heights, widths = edges.T
        near = np.flatnonzero((rows + heights > top) & (columns < right) & (columns + widths > left))
        for place in near[numbers[near].argsort()[::-1]]:
            number, (row, column, height, width) = numbers[place], edges[place].tolist()
            down = slice(max(row, top) - top, min(row + height, bottom) - top)
            across = slice(max(column, left) - left, min(column + width, right) - left)
            shown = Window(0, 0, across.stop - across.start, down.stop - down.start)
            answers[..., down, across] = self._labels[number].read(shown)
        return answers

    def with_objects(self, window: Window, patch: Patch) -> Patch:
        """Return a chip with the answer of its row.

        Raises:
            RasterError: Where no row says what it is, and the configuration does not say that it is not known then.
        """
        (top, bottom), (left, right) = window.toranges()
        place = (top, left, bottom - top, right - left)
        answers = self._nothing(place[2:])
        if place in self._numbers:
            self._asked.add(place)
            answers = self._labels[self._numbers[place]].read(Window(0, 0, place[3], place[2]))
            answers[..., ~patch.known] = self._unknown
        elif self._columns.missing == "refuse" and patch.known.any():
            raise RasterError(
                self.path,
                f"no row for {describe_window(window)} of '{self._key}', and rows for {len(self._numbers)} windows of "
                f"it, such as {_named(list(self._numbers))}",
                "a row for each chip",
                "Lay chips as the windows lie ('chips.size' and 'chips.stride', no drawn windows), add the row, or say "
                "'missing: not_known'.",
            )
        return replace(patch, target=answers)

    def require_asked(self) -> None:
        """Refuse rows that no chip has asked for, when all have.

        Raises:
            RasterError: With how many.
        """
        lost = [place for place in self._numbers if place not in self._asked]
        if lost:
            found = f"{len(lost)} window(s) of '{self._key}' that are no chip of it: {_named(lost)}"
            remedy = "Lay chips as the windows lie ('chips.size' and 'chips.stride'), or remove the rows."
            raise RasterError(self.path, found, "windows that are chips", remedy)

    def close(self) -> None:
        """Nothing is open."""

    def _nothing(self, size: tuple[int, int]) -> Answers:
        like = self._labels[0].read(Window(0, 0, 1, 1))
        return np.full((*like.shape[:-2], *size), self._unknown, like.dtype)


def _window(place: Place) -> Window:
    return Window(place[1], place[0], place[3], place[2])


def _named(places: Sequence[Place]) -> str:
    shown = "; ".join(describe_window(_window(place)) for place in places[:_SHOWN])
    return shown if len(places) <= _SHOWN else f"{shown} and {len(places) - _SHOWN} more"

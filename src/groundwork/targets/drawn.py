"""Labels drawn as polygons, lines and points: features become answers on the grid of their scene."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rasterio.windows import Window

from groundwork.batch import Answers
from groundwork.errors import RasterError
from groundwork.rasters.grid import Grid
from groundwork.rasters.shapes import Shapes
from groundwork.rasters.vectors import read_features, widen
from groundwork.rasters.windows import describe_window
from groundwork.specs import AttributeValue, OutputSpec, TargetSpec, VectorSpec
from groundwork.targets.label import Label
from groundwork.targets.labels import IGNORE
from groundwork.targets.meanings import class_meanings, plain_value
from groundwork.targets.numbers import require_range

#: Side of the blocks that features are drawn in, in pixels, and how many of them are kept.
BLOCK, MOST_BLOCKS = 256, 128
#: What an attribute without a value is called in the configuration, whose keys cannot be null.
_EMPTY = ""


class DrawnLabel(Label):
    """Features of a vector file on the grid of a scene."""

    #: Whether a file without any feature says that nothing is there.
    may_be_empty: ClassVar[bool] = False

    def __init__(self, paths: Sequence[Path], target: TargetSpec, grid: Grid) -> None:
        """Read what lies near the scene.

        Args:
            paths: The file with the features, and where there is one the file that says where labelling is complete.
            target: Says how they are drawn.
            grid: Of the scene.

        Raises:
            RasterError: As of :func:`groundwork.rasters.vectors.read_features`, for a feature that says nothing of what
                it is, and where features of different answers lie upon each other.
        """
        self.path, self.target, self._grid = paths[0], target, grid
        self._spec = target.vectors or VectorSpec()
        spec = self._spec
        reach = max(spec.point_radius_m or 0.0, (spec.line_width_m or 0.0) / 2)
        # Where nothing is drawn nothing needs to be near: where labelling is complete says as much.
        self._complete = self._read_complete(paths)
        far = self._complete is not None
        empty = self.may_be_empty
        frame = read_features(paths[0], spec.layer, grid, self._columns(), reach, may_be_far=far, may_be_empty=empty)
        # What says what features are; their geometries are kept as shapes alone.
        self._attributes = frame[self._columns()]
        drawn = widen(paths[0], frame, grid, spec.line_width_m, spec.point_radius_m)
        self._shapes = Shapes(drawn, grid.transform)

    def _read_complete(self, paths: Sequence[Path]) -> Shapes | None:
        spec = self._spec
        if len(paths) == 1 and spec.complete_layer is None:
            return None
        path, layer = (paths[1], None) if len(paths) > 1 else (paths[0], spec.complete_layer)
        frame = read_features(path, layer, self._grid, ())
        return Shapes(widen(path, frame, self._grid, None, None), self._grid.transform)

    @abstractmethod
    def _columns(self) -> list[str]:
        """Return the attributes that say what features are."""

    def check_grid(self, grid: Grid) -> None:
        """See :class:`Label`: features were drawn on the grid of their scene."""

    def close(self) -> None:
        """Features are read whole; nothing stays open."""

    def _plane(self, values: NDArray[np.generic], fill: float) -> DrawnPlane:
        """Return what is drawn of a value for each feature, and ``fill`` where none lies."""
        return DrawnPlane(self._shapes, values, fill, self._grid, self._spec, self.path)


class DrawnPlane:
    """Values of features on a grid, drawn block by block.

    Blocks lie where they lie whatever window is read: GDAL decides on pixels that an edge just touches by where the
    drawing begins.
    """

    def __init__(
        self, shapes: Shapes, values: NDArray[np.generic], fill: float, grid: Grid, spec: VectorSpec, path: Path
    ) -> None:
        """Take the features in their order, and a value for each.

        Args:
            shapes: In pixels of the grid.
            values: Of a type that rasters have.
            fill: Where no feature lies.
            grid: Of the scene.
            spec: Says which pixels a feature has, and which of several has a pixel.
            path: Of the file, for messages.
        """
        self._shapes, self._values, self._fill, self._grid = shapes, values, fill, grid
        self._spec, self._path = spec, path
        self._block = lru_cache(maxsize=MOST_BLOCKS)(self._draw_block)

    def read(self, window: Window) -> NDArray[np.generic]:
        """Return the values of a window, (height, width); ``fill`` beyond the edge.

        Raises:
            RasterError: Where features of different values share pixels, and nothing says which is meant.
        """
        (top, bottom), (left, right) = window.toranges()
        found = np.full((bottom - top, right - left), self._fill, self._values.dtype)
        for row in range(max(top, 0) // BLOCK * BLOCK, min(bottom, self._grid.height), BLOCK):
            for column in range(max(left, 0) // BLOCK * BLOCK, min(right, self._grid.width), BLOCK):
                block = self._block(row, column)
                first = max(row, top), max(column, left)
                last = min(row + block.shape[0], bottom), min(column + block.shape[1], right)
                into = slice(first[0] - top, last[0] - top), slice(first[1] - left, last[1] - left)
                found[into] = block[first[0] - row : last[0] - row, first[1] - column : last[1] - column]
        return found

    def _draw_block(self, row: int, column: int) -> NDArray[np.generic]:
        size = min(BLOCK, self._grid.height - row), min(BLOCK, self._grid.width - column)
        window, spec = Window(column, row, size[1], size[0]), self._spec
        near = self._shapes.near(window)
        # What is drawn later covers what was drawn before: by rising and falling values, their largest and smallest.
        orders = [near if spec.overlap == "last" else near[::-1]]
        if spec.overlap == "refuse":
            rising = near[np.argsort(self._values[near], kind="stable")]
            orders = [rising, rising[::-1]]
        drawn = [
            self._shapes.draw(order, self._values, window, self._fill, all_touched=spec.all_touched) for order in orders
        ]
        differs = drawn[0] != drawn[-1]
        if differs.any():
            raise RasterError(
                self._path,
                f"features of different answers upon each other in {differs.mean():.2%} of {describe_window(window)}",
                "one answer for a pixel",
                "Mend the features, or set 'target.vectors.overlap' to 'first' or 'last' of them in the file.",
            )
        return drawn[0]


def find_classes(
    path: Path, target: TargetSpec, attributes: pd.DataFrame, background: Sequence[AttributeValue] = ()
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return the class index of each feature, IGNORE where nobody knows it, and which are passed over.

    Args:
        path: Of the file, for messages.
        target: With what its attribute means.
        attributes: Of the features.
        background: Values of features that are passed over.

    Raises:
        RasterError: For values that mean no class.
    """
    names, spec = target.names, target.vectors or VectorSpec()
    if spec.attribute is None:
        return np.full(len(attributes), names.index(spec.every or "")), np.zeros(len(attributes), np.bool_)
    known = class_meanings(target, spec.mapping)
    values = [_EMPTY if (plain := plain_value(value)) is None else plain for value in attributes[spec.attribute]]
    passed = [value in background for value in values]
    wrong = [value for value, over in zip(values, passed, strict=True) if value not in known and not over]
    if wrong:
        shown = sorted({"empty" if value == _EMPTY else repr(value) for value in wrong})[:10]
        empty = " An empty attribute is called '\"\"' there." if _EMPTY in wrong else ""
        raise RasterError(
            path,
            f"{len(wrong)} feature(s) whose attribute '{spec.attribute}' is {', '.join(shown)}",
            f"one of {list(known)}",
            f"Add it to 'target.vectors.mapping', or write null there for what nobody knows.{empty}",
        )
    return np.array([known.get(value, IGNORE) for value in values], np.int64), np.array(passed, np.bool_)


class DrawnClasses(DrawnLabel):
    """Features of classes; answers are class indexes (int64), IGNORE where the class is not known."""

    def __init__(self, paths: Sequence[Path], target: TargetSpec, grid: Grid) -> None:
        """Read what lies near the scene. See :class:`DrawnLabel`."""
        super().__init__(paths, target, grid)
        elsewhere = self._spec.elsewhere
        self._elsewhere = IGNORE if elsewhere is None else target.names.index(elsewhere)
        self._drawn = self._plane(find_classes(self.path, target, self._attributes)[0].astype(np.int16), _FREE)
        if self._complete is not None:
            ones, spec = np.ones(len(self._complete), np.uint8), VectorSpec(every="complete")
            self._inside = DrawnPlane(self._complete, ones, 0, grid, spec, self.path)

    def _columns(self) -> list[str]:
        return [] if self._spec.attribute is None else [self._spec.attribute]

    def read(self, window: Window) -> Answers:
        """Draw class indexes (height, width). See :class:`Label`."""
        # What is drawn must not be taken for what is not: features of which nobody knows what they are cover others.
        drawn = self._drawn.read(window)
        answers = np.where(drawn == _FREE, self._elsewhere, drawn).astype(np.int64)
        if self._complete is not None:
            answers[(drawn == _FREE) & (self._inside.read(window) == 0)] = IGNORE
        return answers


#: Stands for pixels in which no feature lies.
_FREE = -2


class DrawnNumbers(DrawnLabel):
    """Features with numbers as attributes; answers are numbers in their units (outputs, height, width), float32.

    NaN where no feature lies, or its attribute is empty.
    """

    def __init__(self, paths: Sequence[Path], target: TargetSpec, grid: Grid) -> None:
        """Read what lies near the scene. See :class:`DrawnLabel`."""
        super().__init__(paths, target, grid)
        self._planes = [self._plane(self._read_numbers(output), np.inf) for output in target.outputs]

    def _columns(self) -> list[str]:
        return list(self.target.names)

    def _read_numbers(self, output: OutputSpec) -> NDArray[np.float64]:
        column = self._attributes[output.name]
        if not pd.api.types.is_numeric_dtype(column):
            found = f"the attribute '{output.name}' of the type {column.dtype}"
            raise RasterError(self.path, found, "numbers", "Convert it, or correct the names of 'outputs'.")
        values = column.to_numpy(np.float64, na_value=np.nan)
        if output.nodata is not None:
            values = np.where(values == output.nodata, np.nan, values)
        numbers: NDArray[np.float64] = values * output.scale + output.offset
        require_range(self.path, numbers, output)
        # What stands for a pixel without a feature must be equal to itself; see DrawnPlane.
        return np.where(np.isnan(numbers), np.inf, numbers)

    def read(self, window: Window) -> Answers:
        """Draw numbers (outputs, height, width). See :class:`Label`."""
        drawn = np.stack([plane.read(window) for plane in self._planes])
        return np.where(np.isinf(drawn), np.nan, drawn).astype(np.float32)

"""Read label rasters: what all of them have in common, and those of classes."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from rasterio.enums import ColorInterp
from rasterio.windows import Window

from groundwork.batch import Answers
from groundwork.errors import RasterError
from groundwork.rasters.axes import open_along
from groundwork.rasters.checks import check_window
from groundwork.rasters.grid import Grid, warp_command
from groundwork.rasters.opening import grid_of, placed
from groundwork.rasters.part import Part
from groundwork.rasters.validity import masks_of
from groundwork.rasters.windows import clip
from groundwork.specs import TargetSpec
from groundwork.targets.label import Label
from groundwork.targets.value_table import ValueTable, tabulate

#: Class index of pixels whose class is not known. Losses and scores leave them out.
IGNORE = -1
#: Stands for a value that no class declares, until it is refused.
UNDECLARED = -2


class LabelRaster(Label):
    """A label raster, opened and checked: one file, or one for each band. Use it as a context manager."""

    #: What is expected, in words.
    holds: str

    def __init__(self, paths: Sequence[Path], target: TargetSpec, num_bands: int = 1) -> None:
        """Open the files.

        Raises:
            RasterError: Where there are other bands than as many as the target has, or a file is not what it says.
        """
        self.path = paths[0]
        self.target = target
        self._opened = ExitStack()
        try:
            self._parts = self._open(paths, num_bands)
            self.check()
        except BaseException:
            self._opened.close()
            raise

    def _open(self, paths: Sequence[Path], num_bands: int) -> list[Part]:
        if len(paths) not in {1, num_bands}:
            raise RasterError(self.path, f"{len(paths)} files for one label", self.holds, "Correct the patterns.")
        parts, count = [], num_bands // len(paths)
        indexes = tuple(range(1, count + 1))
        for path in paths:
            dataset = open_along(path, self.target.axes)
            self._opened.callback(dataset.close)
            alpha = dataset.colorinterp[-1:] == (ColorInterp.alpha,)
            if dataset.count != count and not (dataset.count == count + 1 and alpha):
                remedy = "Keep that one." if count == 1 else "Correct 'outputs', or the files."
                raise RasterError(path, f"{dataset.count} bands", self.holds, remedy)
            if dataset.dtypes[0].startswith("complex"):
                remedy = "Convert it to what is to be learnt of it, such as phase or magnitude."
                raise RasterError(path, f"data type {dataset.dtypes[0]}", "real numbers", remedy)
            parts.append(Part(path, dataset, indexes, masks_of(dataset, indexes, count), count))
        return parts

    @property
    def nodata(self) -> float | None:
        """What the file itself declares as nodata."""
        declared: float | None = self._parts[0].dataset.nodata
        return declared

    @abstractmethod
    def check(self) -> None:
        """Refuse a file whose answers cannot be read.

        Raises:
            RasterError: With what to change.
        """

    @abstractmethod
    def answers(self, values: NDArray[np.generic], unmasked: NDArray[np.bool_]) -> Answers:
        """Return values of the file as answers, in their shape.

        Args:
            values: (bands, height, width), in the file's type.
            unmasked: Where the file's masks let them through, (bands, height, width).

        Raises:
            RasterError: For values that are no answers.
        """

    @abstractmethod
    def unknown(self, shape: tuple[int, int]) -> Answers:
        """Return answers of which none is known."""

    @cached_property
    def grid(self) -> Grid:
        """Where the pixels lie."""
        return placed(grid_of(self._parts[0].dataset))

    def check_grid(self, grid: Grid) -> None:
        """Refuse a label that is not on the grid of its image.

        Raises:
            RasterError: Where size, CRS or geotransform differ. A label without any georeference needs only the size;
            control points are one, which cannot be compared.
        """
        for part in self._parts:
            self._check_part(part, grid)

    def _check_part(self, part: Part, grid: Grid) -> None:
        own = label = placed(grid_of(part.dataset))
        if label.crs is None:
            # What has no CRS of its own is taken to be in that of the image.
            label = Grid(grid.crs, label.transform, label.width, label.height)
        differences = grid.differences(label)
        if own.crs is None and label.transform == Affine.identity():
            differences = [text for text in differences if text.startswith("size")]
            if grid.crs is not None and (part.dataset.gcps[0] or part.dataset.rpcs):
                differences.append("a place by ground control points or RPCs alone")
        if differences:
            raise RasterError(
                part.path,
                "; ".join(differences),
                "the grid of its image",
                f"Bring the label to the image's grid first ({warp_command(grid)}).",
            )

    def read(self, window: Window) -> Answers:
        """Read answers. See :class:`Label`."""
        check_window(self.path, window, self._parts[0].dataset)
        inside, place = clip(window, self._parts[0].dataset.width, self._parts[0].dataset.height)
        shape = (int(inside.height), int(inside.width))
        read = [_read_by_band(part, inside, shape) for part in self._parts]
        values, unmasked = read[0] if len(read) == 1 else map(np.concatenate, zip(*read, strict=True))
        answers = self.answers(values, unmasked)
        if place is None:
            return answers
        full = self.unknown((int(window.height), int(window.width)))
        full[..., *place] = answers
        return full

    def close(self) -> None:
        """Close the files."""
        self._opened.close()


def _read_by_band(part: Part, window: Window, shape: tuple[int, int]) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
    """Read values, and where the file's masks let them through, (bands, height, width) each."""
    values, unmasked = part.read(part.indexes, window, shape)
    return values, unmasked[None] if len(values) == 1 else np.broadcast_to(unmasked, values.shape)


class ClassLabels(LabelRaster):
    """Labels of classes; answers are class indexes (int64).

    IGNORE where the class is not known: ignore values, the file's own nodata, NaN, and what its mask or alpha band
    leaves out.
    """

    holds = "one band of class values"

    def __init__(self, path: Path, target: TargetSpec, values: ClassValues | None = None) -> None:
        """Open the file.

        Args:
            path: The file.
            target: With the classes.
            values: What label values mean, for who opens many files. None: it is found out.

        Raises:
            RasterError: Where it is no raster of one band, or declares a class value as nodata.
        """
        super().__init__((path,), target)
        self._meaning = (values or ClassValues(target)).beside(self.nodata)

    def check(self) -> None:
        """See :class:`LabelRaster`."""
        self._require_exact()
        nodata, target = self.nodata, self.target
        index = target.label_values.get(int(nodata)) if nodata is not None and float(nodata).is_integer() else None
        if index is not None and not target.nodata_is_class:
            name = target.names[index]
            raise RasterError(
                self.path,
                f"nodata {nodata:g}, which is the value of class '{name}'",
                "nodata outside the classes",
                "Set 'nodata_is_class: true' if these pixels are of that class.",
            )

    def _require_exact(self) -> None:
        """Refuse pictures whose compression changes values: between two classes it writes those in between."""
        dataset = self._parts[0].dataset
        said = dataset.tags(ns="IMAGE_STRUCTURE")
        is_jpeg = dataset.driver == "JPEG" or said.get("COMPRESSION") in {"JPEG", "YCbCr JPEG"}
        if is_jpeg or said.get("COMPRESSION_REVERSIBILITY", "").startswith("LOSSY"):
            kind = "JPEG" if is_jpeg else said["COMPRESSION_REVERSIBILITY"].lower()
            raise RasterError(
                self.path,
                f"{kind} compression, which changes values",
                "the classes as they were drawn",
                "Export the label once more, as PNG or GeoTIFF: converting this file does not bring its values back.",
            )

    def unknown(self, shape: tuple[int, int]) -> NDArray[np.int64]:
        """See :class:`LabelRaster`."""
        return np.full(shape, IGNORE, np.int64)

    def answers(self, values: NDArray[np.generic], unmasked: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Return class indexes (height, width).

        Raises:
            RasterError: Where a value is no class; it lists the values.
        """
        values, unmasked = values[0], unmasked[0]
        indexes = self._meaning.of(values)
        if not unmasked.all():
            np.putmask(indexes, ~unmasked, IGNORE)
        if indexes.size and int(indexes.min()) == UNDECLARED:
            wrong = indexes == UNDECLARED
            raise self._undeclared(np.unique(values[wrong]).tolist(), float(wrong.mean()))
        return indexes.astype(np.int64, copy=False)

    def _undeclared(self, found: Sequence[float], share: float) -> RasterError:
        declared = {value: self.target.names[index] for value, index in self.target.label_values.items()}
        return RasterError(
            self.path,
            f"class value(s) {found[:10]} in {share:.2%} of a window",
            f"the declared ones {declared} or ignore_value {self.target.ignore_value}",
            "Declare the class, or add the value to 'ignore_value', which may be a list.",
        )


@dataclass(frozen=True, slots=True)
class Meaning:
    """What the values of a file mean."""

    #: Values that may occur, sorted, and the class index of each.
    values: NDArray[np.float64]
    indexes: NDArray[np.int64]
    #: How many values from 0 on are themselves the indexes of their classes.
    same: int
    #: Data type of whole numbers -> the table of its values. None: they are searched for.
    tables: dict[str, ValueTable | None] = field(default_factory=dict)

    def of(self, found: NDArray[np.generic]) -> NDArray[np.signedinteger]:
        """Return the class index of each value; IGNORE for NaN, UNDECLARED for what no class declares."""
        dtype = found.dtype
        if dtype.kind == "u" and found.size and found.max() < self.same:
            return found.astype(np.int64)
        if dtype.kind not in "iu":
            return self._search(found)
        if dtype.name not in self.tables:
            self.tables[dtype.name] = tabulate(dtype, self.values, self._search, UNDECLARED)
        table = self.tables[dtype.name]
        return self._search(found) if table is None else table.look_up(found)

    def _search(self, found: NDArray[np.generic]) -> NDArray[np.int64]:
        positions = np.searchsorted(self.values, found).clip(max=len(self.values) - 1)
        indexes = np.where(self.values[positions] == found, self.indexes[positions], UNDECLARED)
        if found.dtype.kind == "f":
            indexes[np.isnan(found)] = IGNORE
        return indexes


class ClassValues:
    """What label values mean, worked out once for all files with the same nodata."""

    def __init__(self, target: TargetSpec) -> None:
        self._target = target
        self._known: dict[float | None, Meaning] = {}

    def beside(self, nodata: float | None) -> Meaning:
        """Return what the values of a file with this nodata mean."""
        declared = None if nodata is None or np.isnan(nodata) else float(nodata)
        if declared not in self._known:
            self._known[declared] = self._find(declared)
        return self._known[declared]

    def _find(self, nodata: float | None) -> Meaning:
        found = {float(value): IGNORE for value in self._target.ignore_values}
        if nodata is not None:
            found[nodata] = IGNORE
        found |= {float(value): index for value, index in self._target.label_values.items()}
        values = np.array(sorted(found))
        indexes = np.array([found[value] for value in values.tolist()], np.int64)
        same = next(index for index in range(len(found) + 1) if found.get(float(index)) != index)
        return Meaning(values, indexes, same)

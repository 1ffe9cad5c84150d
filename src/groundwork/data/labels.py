"""Read label rasters as class indexes, and refuse values that no class declares."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray
from rasterio.errors import RasterioError
from rasterio.windows import Window

from groundwork.rasters.errors import RasterError
from groundwork.rasters.grid import Grid
from groundwork.rasters.scene import open_dataset
from groundwork.rasters.windows import clip
from groundwork.specs import TargetSpec

#: Class index of pixels whose class is not known. Losses and scores leave them out.
IGNORE = -1
#: Stands for a value that no class declares, until it is refused.
UNDECLARED = -2


class LabelRaster:
    """A label raster, opened and checked. Use it as a context manager."""

    def __init__(self, path: Path, target: TargetSpec) -> None:
        """Open the file.

        Raises:
            RasterError: Where it is no raster of one band with whole numbers, or declares a class value as nodata.
        """
        self.path = path
        self.target = target
        self._dataset = open_dataset(path)
        try:
            self._check()
        except RasterError:
            self._dataset.close()
            raise
        self._values, self._indexes = _class_table(target)
        self._table = np.full(256, UNDECLARED, np.int64)
        in_range = (self._values >= 0) & (self._values <= 255)
        self._table[self._values[in_range].astype(int)] = self._indexes[in_range]

    def _check(self) -> None:
        if self._dataset.count != 1:
            raise RasterError(self.path, f"{self._dataset.count} bands", "one band of class values")
        nodata, target = self._dataset.nodata, self.target
        if nodata in target.values and not target.nodata_is_class:
            name = target.names[target.values.index(int(nodata))]
            raise RasterError(
                self.path,
                f"nodata {nodata:g}, which is the value of class '{name}'",
                "nodata outside the classes",
                "Set 'nodata_is_class: true' if these pixels are of that class.",
            )

    @property
    def grid(self) -> Grid:
        """Where the pixels lie."""
        dataset = self._dataset
        return Grid(dataset.crs, dataset.transform, dataset.width, dataset.height)

    def check_grid(self, grid: Grid) -> None:
        """Refuse a label that is not on the grid of its image.

        Raises:
            RasterError: Where size, CRS or geotransform differ. A label without any georeference needs only the size.
        """
        differences = grid.differences(self.grid)
        if self.grid.crs is None and grid.crs is None:
            differences = [text for text in differences if text.startswith("size")]
        if differences:
            raise RasterError(
                self.path,
                "; ".join(differences),
                "the grid of its image",
                "Bring the label to the image's grid first (gdalwarp -r near -te ... -ts ...).",
            )

    def read(self, window: Window) -> NDArray[np.int64]:
        """Read class indexes (height, width); IGNORE where the class is not known or beyond the edge.

        Raises:
            RasterError: Where a value is neither a class nor the ignore value; it lists the values.
        """
        inside, place = clip(window, self._dataset.width, self._dataset.height)
        try:
            values = self._dataset.read(1, window=inside)
        except RasterioError as error:
            raise RasterError(
                self.path, f"pixels that cannot be decoded ({error.__cause__ or error})", "a whole file"
            ) from error
        indexes = self._to_indexes(values)
        if place is None:
            return indexes
        full = np.full((int(window.height), int(window.width)), IGNORE, np.int64)
        full[place] = indexes
        return full

    def _to_indexes(self, values: NDArray[np.generic]) -> NDArray[np.int64]:
        indexes: NDArray[np.int64]
        if values.dtype == np.uint8:
            # A table of all 256 values is much faster than a search, and label rasters mostly are of this type.
            indexes = self._table.take(values.astype(np.uint8, copy=False))
        else:
            positions = np.searchsorted(self._values, values).clip(max=len(self._values) - 1)
            indexes = np.where(self._values[positions] == values, self._indexes[positions], UNDECLARED)
        if indexes.size and int(indexes.min()) == UNDECLARED:
            wrong = indexes == UNDECLARED
            raise self._undeclared(np.unique(values[wrong]).tolist(), float(wrong.mean()))
        return indexes

    def _undeclared(self, found: Sequence[float], share: float) -> RasterError:
        declared = {entry.value: entry.name for entry in self.target.classes}
        return RasterError(
            self.path,
            f"class value(s) {[round(value, 3) for value in found[:10]]} in {share:.2%} of a window",
            f"the declared ones {declared}" + f" or ignore_value {self.target.ignore_value}",
            "Declare the class, or set 'ignore_value'.",
        )

    def close(self) -> None:
        """Close the file."""
        self._dataset.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def _class_table(target: TargetSpec) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    pairs = [(float(value), index) for index, value in enumerate(target.values)]
    if target.ignore_value is not None:
        pairs.append((float(target.ignore_value), IGNORE))
    values, indexes = zip(*sorted(pairs), strict=True)
    return np.array(values), np.array(indexes, np.int64)

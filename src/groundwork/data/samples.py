"""Open scenes with their labels, and keep the sample table: one row per chip."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias
from zlib import crc32

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rasterio.windows import Window

from groundwork.config.data import DataConfig
from groundwork.data.labels import IGNORE, LabelRaster
from groundwork.rasters.errors import RasterError
from groundwork.rasters.grid import describe_crs
from groundwork.rasters.scene import Scene, describe_window
from groundwork.specs import RasterSpec, SpecError, TargetSpec

#: Scenes that a process keeps open; each may consist of a dozen files.
MOST_OPEN = 16


class DataError(ValueError):
    """The scenes, taken together, cannot be used as configured."""


#: Raw values, validity and class indexes of a window.
Pixels: TypeAlias = tuple[NDArray[np.generic], NDArray[np.bool_], NDArray[np.int64]]


@dataclass(frozen=True, slots=True)
class LabelledScene:
    """A scene and its label, opened together."""

    scene: Scene
    label: LabelRaster

    def read(self, window: Window) -> Pixels:
        """Read raw values, validity and class indexes; the class is not known where the scene holds no data."""
        values, valid = self.scene.read(window)
        classes = self.label.read(window)
        np.putmask(classes, ~valid, IGNORE)
        return values, valid, classes

    def checksum(self, window: Window, pixels: Pixels) -> str:
        """Return eight digits for what :meth:`read` gave and where on the ground it lies."""
        grid = self.scene.grid
        number = crc32(f"{describe_crs(grid.crs)} {grid.part(window).bounds}".encode())
        for part in pixels:
            number = crc32(np.ascontiguousarray(part).data, number)
        return f"{number:08x}"

    def require_unchanged(self, window: Window, pixels: Pixels, expected: str) -> None:
        """Refuse pixels that are not those that were indexed.

        Raises:
            RasterError: Where values, validity, classes or the place on the ground differ.
        """
        if expected and self.checksum(window, pixels) != expected:
            found = f"other pixels in {describe_window(window)}, or another place or label for them"
            remedy = f"Index the samples again. The label is {self.label.path}."
            raise RasterError(self.scene.path, found, "what was there when its samples were indexed", remedy)
        # The same classes may have been moved to another place.
        self.label.check_grid(self.scene.grid)


@contextmanager
def open_labelled(
    images: tuple[Path, ...], label: Path, spec: RasterSpec, target: TargetSpec
) -> Iterator[LabelledScene]:
    """Open a scene with its label."""
    with Scene(images, spec) as scene, LabelRaster(label, target) as raster:
        yield LabelledScene(scene, raster)


class OpenScenes:
    """The scenes that were read last stay open: opening and checking one takes longer than reading a chip."""

    def __init__(self) -> None:
        """Begin with none."""
        self._process = os.getpid()
        self._opened: dict[tuple[Path, ...], LabelledScene] = {}

    def get(self, images: tuple[Path, ...], label: Path, spec: RasterSpec, target: TargetSpec) -> LabelledScene:
        """Open a scene with its label, or give the one that is open."""
        if self._process != os.getpid():
            # A forked process shares the place in each file with its parent; it must open its own.
            self._process, self._opened = os.getpid(), {}
        key = (*images, label)
        found = self._opened.pop(key, None) or self._open(images, label, spec, target)
        self._opened[key] = found
        return found

    def _open(self, images: tuple[Path, ...], label: Path, spec: RasterSpec, target: TargetSpec) -> LabelledScene:
        while len(self._opened) >= MOST_OPEN:
            oldest = self._opened.pop(next(iter(self._opened)))
            oldest.scene.close()
            oldest.label.close()
        with ExitStack() as opened:
            scene = opened.enter_context(Scene(images, spec))
            raster = opened.enter_context(LabelRaster(label, target))
            # Nothing is wrong: they stay open.
            opened.pop_all()
        return LabelledScene(scene, raster)

    def __getstate__(self) -> dict[str, object]:
        """Open files do not travel to another process."""
        return {"_process": -1, "_opened": {}}


def window_of(row: int, column: int, size: int) -> Window:
    """Return the window of a chip."""
    return Window(column, row, size, size)


def only_source(data: DataConfig) -> tuple[str, RasterSpec]:
    """Return name and spec of the one source.

    Raises:
        SpecError: Where several are declared.
    """
    if len(data.sources) > 1:
        raise SpecError(f"Found the sources {list(data.sources)}; models over several sources are not supported yet.")
    return next(iter(data.sources.items()))


#: Columns of the sample table that are text, whatever they look like: a scene may be called ``007``.
TEXT_COLUMNS = ("sample_id", "scene", "path_label", "crs", "dates", "split", "checksum")


def read_samples(path: Path) -> pd.DataFrame:
    """Read a sample table written by :func:`write_samples`."""
    header = pd.read_csv(path, nrows=0).columns
    text = {name: "string" for name in header if name in TEXT_COLUMNS or name.startswith("path_")}
    return pd.read_csv(path, dtype=text, keep_default_na=False, na_values={n: [""] for n in header if n not in text})


def write_samples(samples: pd.DataFrame, path: Path) -> None:
    """Write a sample table as CSV, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    try:
        samples.to_csv(partial, index=False, lineterminator="\n")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)

"""Check scenes against what is declared, and index them into samples: a table with one row per chip."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TypeAlias
from zlib import crc32

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rasterio.windows import Window

from groundwork.config.data import ChipsConfig, DataConfig
from groundwork.data.labels import IGNORE, LabelRaster
from groundwork.progress import track
from groundwork.rasters.errors import RasterError
from groundwork.rasters.folder import RasterFolder, pair
from groundwork.rasters.grid import describe_crs, name_crs
from groundwork.rasters.scene import Scene, describe_window
from groundwork.rasters.windows import blocks, window_starts
from groundwork.specs import RasterSpec, SpecError, TargetSpec

#: Side in pixels of the blocks in which a scene is looked through.
SCAN_SIZE = 1024
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
            number = crc32(part.tobytes(), number)
        return f"{number:08x}"

    def require_unchanged(self, window: Window, pixels: Pixels, expected: str) -> None:
        """Refuse pixels that are not those that were indexed.

        Raises:
            RasterError: Where values, validity, classes or the place on the ground differ.
        """
        if expected and self.checksum(window, pixels) != expected:
            found = f"other pixels in {describe_window(window)}, or another place or label for them"
            remedy = f"Index the samples again (data_prep). The label is {self.label.path}."
            raise RasterError(self.scene.path, found, "what was there when its samples were indexed", remedy)


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
        scene = Scene(images, spec)
        try:
            return LabelledScene(scene, LabelRaster(label, target))
        except BaseException:
            scene.close()
            raise

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


def report_scenes(scenes: RasterFolder, labels: RasterFolder, data: DataConfig) -> pd.DataFrame:
    """Look through every pixel of every scene and label, and describe each scene in one row.

    Raises:
        PairingError: Where an image or a label has no partner.
        DataError: Where scenes are not as declared; it lists them all.
    """
    _, spec = only_source(data)
    keys = pair(scenes, labels)
    rows, problems = [], []
    for key in track(keys, "Checking scenes", len(keys)):
        try:
            with open_labelled(scenes.paths(key), labels.paths(key)[0], spec, data.target) as opened:
                rows.append({"scene": key, **_describe(opened, data.target)})
        except RasterError as error:
            problems.append(str(error))
    if problems:
        shown = "\n".join(f"  - {text}" for text in problems[:10])
        more = f"\n  and {len(problems) - 10} more" if len(problems) > 10 else ""
        raise DataError(f"{len(problems)} of {len(keys)} scenes are not as declared:\n{shown}{more}")
    return pd.DataFrame(rows)


def _describe(opened: LabelledScene, target: TargetSpec) -> dict[str, object]:
    grid = opened.scene.grid
    opened.label.check_grid(grid)
    num_valid, counts = 0, np.zeros(target.num_outputs, np.int64)
    for window in blocks(grid.width, grid.height, SCAN_SIZE):
        _, valid, classes = opened.read(window)
        num_valid += int(valid.sum())
        counts += np.bincount(classes[classes != IGNORE], minlength=target.num_outputs)
    if num_valid == 0:
        raise RasterError(opened.scene.path, "nodata in every pixel", "pixels that hold data", "Remove the scene.")
    if counts.sum() == 0:
        raise RasterError(opened.label.path, "no known class in any valid pixel", "labels", "Remove the scene.")
    size = grid.width * grid.height
    dates = opened.scene.dates
    return {
        "width": grid.width,
        "height": grid.height,
        "crs": name_crs(grid.crs),
        "pixel_size": grid.pixel_size if grid.crs is not None else None,
        "dates": ",".join(day.isoformat() for day in dates) if dates else None,
        "valid_fraction": round(num_valid / size, 6),
        "labelled_fraction": round(float(counts.sum()) / size, 6),
        **_fractions(counts, target),
    }


def _fractions(counts: NDArray[np.int64], target: TargetSpec) -> dict[str, float]:
    total = max(int(counts.sum()), 1)
    return {f"fraction_{name}": round(float(n) / total, 6) for name, n in zip(target.names, counts, strict=True)}


def index_samples(scenes: RasterFolder, labels: RasterFolder, data: DataConfig) -> pd.DataFrame:
    """Cut every scene into chips, and keep those with enough valid, labelled pixels.

    Returns:
        One row per chip, in order of ``sample_id``: scene, files relative to their folders, window in pixels, CRS,
        bounds in units of the CRS, centre in degrees, dates, and the fractions of valid pixels and of each class.

    Raises:
        DataError: Where no chip is left.
    """
    name, spec = only_source(data)
    rows: list[dict[str, object]] = []
    keys = pair(scenes, labels)
    for key in track(keys, "Indexing samples", len(keys)):
        label = labels.paths(key)[0]
        files = {"scene": key, f"path_{name}": "|".join(scenes.files[key]), "path_label": labels.files[key][0]}
        with open_labelled(scenes.paths(key), label, spec, data.target) as opened:
            rows.extend({**chip, **files} for chip in _chips(key, opened, data.chips, data.target))
    if not rows:
        limit = data.chips.min_valid_fraction
        raise DataError(f"None of {len(keys)} scenes has a chip with {limit:.0%} valid, labelled pixels.")
    first = ["sample_id", "scene", f"path_{name}", "path_label"]
    table = pd.DataFrame(rows).sort_values("sample_id", ignore_index=True)
    return table[first + [column for column in table.columns if column not in first]]


def _chips(key: str, opened: LabelledScene, chips: ChipsConfig, target: TargetSpec) -> Iterator[dict[str, object]]:
    grid = opened.scene.grid
    dates = opened.scene.dates
    for window, (values, valid, classes) in _read_chips(opened, chips):
        counts = np.bincount(classes[classes != IGNORE], minlength=target.num_outputs)
        valid_fraction = float(counts.sum()) / classes.size
        if counts.sum() == 0 or valid_fraction < chips.min_valid_fraction:
            continue
        part = grid.part(window)
        latitude, longitude = part.center_coordinates() or (None, None)
        west, south, east, north = part.bounds
        yield {
            "sample_id": f"{key}_{int(window.row_off):05d}_{int(window.col_off):05d}",
            "row": int(window.row_off),
            "column": int(window.col_off),
            "size": chips.size,
            "crs": describe_crs(grid.crs),
            "pixel_size": grid.pixel_size,
            **{"west": west, "south": south, "east": east, "north": north},
            **{"latitude": latitude, "longitude": longitude},
            "dates": ",".join(day.isoformat() for day in dates) if dates else None,
            "valid_fraction": round(valid_fraction, 6),
            **_fractions(counts, target),
            "checksum": opened.checksum(window, (values, valid, classes)),
        }


def _read_chips(opened: LabelledScene, chips: ChipsConfig) -> Iterator[tuple[Window, Pixels]]:
    """Yield the windows of all chips with what they hold; chips that overlap share what is read.

    Windows come column by column: of a strip as wide as a few chips, each row is read once.
    """
    grid, size, stride = opened.scene.grid, chips.size, chips.stride or chips.size
    lefts, tops = window_starts(grid.width, size, stride), window_starts(grid.height, size, stride)
    at_once = max(1, SCAN_SIZE // stride)
    for first in range(0, len(lefts), at_once):
        strip = lefts[first : first + at_once]
        width = strip[-1] + size - strip[0]
        held: Pixels | None = None
        for previous, top in pairwise([-size, *tops]):
            kept = max(previous + size - top, 0) if held is not None else 0
            fresh = opened.read(Window(strip[0], top + kept, width, size - kept))
            held = fresh if held is None or not kept else _below(held, fresh, kept)
            for left in strip:
                values, valid, classes = held
                part = slice(left - strip[0], left - strip[0] + size)
                yield window_of(top, left, size), (values[..., part], valid[:, part], classes[:, part])


def _below(held: Pixels, fresh: Pixels, kept: int) -> Pixels:
    """Put fresh rows below the last rows of what is held."""
    values, valid, classes = (
        np.concatenate([old[..., old.shape[-2] - kept :, :], new], axis=-2)
        for old, new in zip(held, fresh, strict=True)
    )
    return values, valid, classes


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
    samples.to_csv(partial, index=False, lineterminator="\n")
    partial.replace(path)

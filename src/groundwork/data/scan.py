"""Look through all scenes once: check them, describe them, cut them into chips, and add up what they hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rasterio.windows import Window

from groundwork.config.data import ChipsConfig, DataConfig
from groundwork.data.cells import Cells, make_cells
from groundwork.data.labels import IGNORE
from groundwork.data.samples import DataError, LabelledScene, Pixels, only_source, open_labelled, window_of
from groundwork.progress import track
from groundwork.rasters.errors import RasterError
from groundwork.rasters.folder import RasterFolder, pair
from groundwork.rasters.grid import describe_crs, name_crs
from groundwork.rasters.windows import window_starts
from groundwork.specs import TargetSpec

#: A chip may reach beyond a small scene, but not by more than so many times its longer side.
MOST_BEYOND = 2
#: Pixels that are held at a time; scenes so wide that fewer rows than a chip's would fit are read in several strips.
MOST_HELD = 2**22


@dataclass(frozen=True, slots=True)
class Scan:
    """What all scenes hold."""

    #: One row per scene: size, CRS, dates, and the fractions of valid pixels and of each class.
    report: pd.DataFrame
    #: One row per chip, in order of ``sample_id``: scene, files relative to their folders, window in pixels, CRS,
    #: bounds in units of the CRS, centre in degrees, dates, fractions of valid pixels and of each class, checksum.
    chips: pd.DataFrame
    #: Scene -> what its pixels add up to.
    cells: Mapping[str, Cells]


def scan_scenes(scenes: RasterFolder, labels: RasterFolder, data: DataConfig) -> Scan:
    """Read every pixel of every scene and label once.

    Chips with too few valid, labelled pixels are left out.

    Raises:
        PairingError: Where an image or a label has no partner.
        DataError: Where scenes are not as declared (it lists them all), or no chip is left.
    """
    name, spec = only_source(data)
    keys = pair(scenes, labels)
    report: list[dict[str, object]] = []
    chips: list[dict[str, object]] = []
    cells: dict[str, Cells] = {}
    problems: list[str] = []
    for key in track(keys, "Looking through scenes", len(keys)):
        files = {"scene": key, f"path_{name}": "|".join(scenes.files[key]), "path_label": labels.files[key][0]}
        try:
            with open_labelled(scenes.paths(key), labels.paths(key)[0], spec, data.target) as opened:
                opened.label.check_grid(opened.scene.grid)
                found, cells[key] = _scan(key, opened, data)
                report.append({"scene": key, **_describe(opened, cells[key], data.target)})
                chips.extend({**chip, **files} for chip in found)
        except RasterError as error:
            problems.append(str(error))
    if problems:
        shown = "\n".join(f"  - {text}" for text in problems[:10])
        more = f"\n  and {len(problems) - 10} more" if len(problems) > 10 else ""
        raise DataError(f"{len(problems)} of {len(keys)} scenes are not as declared:\n{shown}{more}")
    if not chips:
        limit = data.chips.min_valid_fraction
        raise DataError(f"None of {len(keys)} scenes has a chip with {limit:.0%} valid, labelled pixels.")
    table = pd.DataFrame(chips).sort_values("sample_id", ignore_index=True)
    first = ["sample_id", "scene", f"path_{name}", "path_label"]
    return Scan(pd.DataFrame(report), table[first + [name for name in table.columns if name not in first]], cells)


def _scan(key: str, opened: LabelledScene, data: DataConfig) -> tuple[list[dict[str, object]], Cells]:
    grid, size = opened.scene.grid, data.chips.size
    if size >= MOST_BEYOND * max(grid.width, grid.height):
        raise RasterError(
            opened.scene.path,
            f"{grid.width} x {grid.height} pixels",
            f"scenes of more than {size // MOST_BEYOND} pixels a side, as 'chips.size' is {size}",
            "Set 'chips.size' to what fits into the scenes.",
        )
    starts = _starts(opened, data.chips)
    edges = tuple(
        [*lines, *(min(line + size, length) for line in lines), length]
        for lines, length in zip(starts, (grid.height, grid.width), strict=True)
    )
    cells = make_cells((edges[0], edges[1]), opened.scene.spec.num_channels, data.target.num_outputs)
    rows: list[dict[str, object]] = []
    for piece in read_pieces(opened, data.chips):
        cells.add(piece.window, piece.pixels)
        for window, pixels in piece.chips:
            rows.extend(_chip(key, opened, window, pixels, data))
    return rows, cells


def _describe(opened: LabelledScene, cells: Cells, target: TargetSpec) -> dict[str, object]:
    grid, dates = opened.scene.grid, opened.scene.dates
    num_valid, counts = int(cells.valid.sum()), cells.classes.sum(axis=(1, 2))
    if num_valid == 0:
        raise RasterError(opened.scene.path, "nodata in every pixel", "pixels that hold data", "Remove the scene.")
    if counts.sum() == 0:
        raise RasterError(opened.label.path, "no known class in any valid pixel", "labels", "Remove the scene.")
    size = grid.width * grid.height
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


def _chip(
    key: str, opened: LabelledScene, window: Window, pixels: Pixels, data: DataConfig
) -> Iterator[dict[str, object]]:
    """Yield the row of a chip, or nothing where too little of it is known."""
    grid, dates, classes = opened.scene.grid, opened.scene.dates, pixels[2]
    counts = np.bincount(classes[classes != IGNORE], minlength=data.target.num_outputs)
    valid_fraction = float(counts.sum()) / classes.size
    if counts.sum() == 0 or valid_fraction < data.chips.min_valid_fraction:
        return
    part = grid.part(window)
    latitude, longitude = part.center_coordinates() or (None, None)
    west, south, east, north = part.bounds
    yield {
        "sample_id": f"{key}_{int(window.row_off):05d}_{int(window.col_off):05d}",
        "row": int(window.row_off),
        "column": int(window.col_off),
        "size": data.chips.size,
        "crs": describe_crs(grid.crs),
        "pixel_size": grid.pixel_size,
        **{"west": west, "south": south, "east": east, "north": north},
        **{"latitude": latitude, "longitude": longitude},
        "dates": ",".join(day.isoformat() for day in dates) if dates else None,
        "valid_fraction": round(valid_fraction, 6),
        **_fractions(counts, data.target),
        "checksum": opened.checksum(window, pixels),
    }


@dataclass(frozen=True, slots=True)
class Piece:
    """Pixels that were not read before, and the chips that are whole with them."""

    #: Inside the scene.
    window: Window
    pixels: Pixels
    chips: list[tuple[Window, Pixels]]


def read_pieces(opened: LabelledScene, chips: ChipsConfig) -> Iterator[Piece]:
    """Yield a scene piece by piece, each pixel once, and all its chips; chips that overlap share what is read.

    Only where a scene is so wide that it is read in several strips, chips of two strips read what they share twice.
    """
    size, stride = chips.size, chips.stride or chips.size
    tops, lefts = _starts(opened, chips)
    at_once = max(1, MOST_HELD // (size * stride))
    done = 0
    for first in range(0, len(lefts), at_once):
        strip = lefts[first : first + at_once]
        columns = (min(strip[0], done), strip[-1] + size)
        for rows in _read_down(opened, tops, chips, columns):
            whole = [
                (
                    window_of(top, left, size),
                    _cut(rows.held, _span(top - rows.first, size), _span(left - columns[0], size)),
                )
                for top in rows.tops
                for left in strip
            ]
            yield _piece(opened, rows, done, whole)
        done = columns[1]


@dataclass(frozen=True, slots=True)
class _Rows:
    """New rows of a strip, and all rows of the chips that are whole with them."""

    window: Window
    fresh: Pixels
    #: From row ``first`` on.
    held: Pixels
    first: int
    tops: list[int]


def _read_down(opened: LabelledScene, tops: list[int], chips: ChipsConfig, columns: tuple[int, int]) -> Iterator[_Rows]:
    """Yield a strip from top to bottom, as many rows at a time as may be held."""
    width, stride = columns[1] - columns[0], chips.stride or chips.size
    at_once = max(1, (MOST_HELD // width - chips.size) // stride + 1)
    held: Pixels | None = None
    done = 0
    for first in range(0, len(tops), at_once):
        group = tops[first : first + at_once]
        window = Window(columns[0], done, width, group[-1] + chips.size - done)
        fresh = opened.read(window)
        kept = max(done - group[0], 0)
        held = fresh if held is None or not kept else _below(held, fresh, kept)
        yield _Rows(window, fresh, held, done - kept, group)
        done = group[-1] + chips.size


def _below(held: Pixels, fresh: Pixels, kept: int) -> Pixels:
    """Put fresh rows below the last rows of what is held."""
    old = _cut(held, slice(held[1].shape[0] - kept, None), slice(None))
    values, valid, classes = (np.concatenate(both, axis=-2) for both in zip(old, fresh, strict=True))
    return values, valid, classes


def _piece(opened: LabelledScene, rows: _Rows, done: int, chips: list[tuple[Window, Pixels]]) -> Piece:
    """Keep what of the new rows lies inside the scene, and right of the columns that are done."""
    grid = opened.scene.grid
    (top, bottom), (left, right) = rows.window.toranges()
    first, height, width = max(done - left, 0), min(bottom, grid.height) - top, min(right, grid.width) - left
    inside = Window(left + first, top, width - first, height)
    return Piece(inside, _cut(rows.fresh, slice(0, height), slice(first, width)), chips)


def _span(start: int, length: int) -> slice:
    return slice(start, start + length)


def _cut(pixels: Pixels, rows: slice, columns: slice) -> Pixels:
    values, valid, classes = pixels
    return values[..., rows, columns], valid[rows, columns], classes[rows, columns]


def _starts(opened: LabelledScene, chips: ChipsConfig) -> tuple[list[int], list[int]]:
    """Return the rows and the columns at which chips begin."""
    grid, stride = opened.scene.grid, chips.stride or chips.size
    return window_starts(grid.height, chips.size, stride), window_starts(grid.width, chips.size, stride)

"""Look through all scenes once: check them, describe them, cut them into chips, and add up what they hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from rasterio.windows import Window

from groundwork.batch import Patch, below
from groundwork.config.data import ChipsConfig, DataConfig, reference_of
from groundwork.data import sample_table as table
from groundwork.data.cells import Cells, make_cells
from groundwork.data.labelled import LabelledScene, content_of, open_labelled
from groundwork.data.scene_stack import dates_of, files_of, folders_by_source, require_sources
from groundwork.errors import DataError, RasterError
from groundwork.progress import track
from groundwork.rasters.folder import RasterFolder, pair
from groundwork.rasters.grid import describe_crs, name_crs
from groundwork.rasters.windows import window_starts
from groundwork.targets.kinds import kind_of

#: A chip may reach beyond a small scene, but not by more than so many times its longer side.
MOST_BEYOND = 2
#: Pixels that are held at a time; scenes so wide that fewer rows than a chip's would fit are read in several strips.
MOST_HELD = 2**22
_ALL = slice(None)


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


def scan_scenes(scenes: RasterFolder | Mapping[str, RasterFolder], labels: RasterFolder, data: DataConfig) -> Scan:
    """Read every pixel of every scene and label once.

    Chips with too few valid, labelled pixels are left out.

    Args:
        scenes: Rasters of the only source, or of each by name.
        labels: Joined to the scenes by key.
        data: What rasters and labels hold, and how chips are cut.

    Raises:
        PairingError: Where an image or a label has no partner, or a scene lacks a source that is not optional.
        DataError: Where scenes are not as declared (it lists them all), or no chip is left.
    """
    folders, kind = folders_by_source(scenes, data.sources), kind_of(data.target)
    require_sources(folders, data.sources)
    keys = pair(folders[reference_of(data.sources)], labels)
    report: list[dict[str, object]] = []
    chips: list[dict[str, object]] = []
    cells: dict[str, Cells] = {}
    problems: list[str] = []
    for key in track(keys, "Looking through scenes", len(keys)):
        files = {
            table.SCENE: key,
            **{table.path_column(name): table.join_files(part.files.get(key, ())) for name, part in folders.items()},
            table.LABEL_PATH: labels.files[key][0],
        }
        try:
            paths, days = files_of(folders, key), dates_of(folders, key)
            with open_labelled(paths, labels.paths(key)[0], data.sources, kind, days) as opened:
                opened.label.check_grid(opened.grid)
                found, cells[key] = _scan(key, opened, data)
                report.append({table.SCENE: key, **_describe(opened, cells[key])})
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
    samples = pd.DataFrame(chips).sort_values(table.SAMPLE_ID, ignore_index=True)
    first = [table.SAMPLE_ID, table.SCENE, *map(table.path_column, folders), table.LABEL_PATH]
    return Scan(pd.DataFrame(report), samples[first + [name for name in samples.columns if name not in first]], cells)


def _scan(key: str, opened: LabelledScene, data: DataConfig) -> tuple[list[dict[str, object]], Cells]:
    grid, size = opened.grid, data.chips.size
    if size >= MOST_BEYOND * max(grid.width, grid.height):
        raise RasterError(
            opened.path,
            f"{grid.width} x {grid.height} pixels",
            f"scenes of more than {size // MOST_BEYOND} pixels a side, as 'chips.size' is {size}",
            "Set 'chips.size' to what fits into the scenes.",
        )
    starts = _starts(opened, data.chips)
    edges = tuple(
        [*lines, *(min(line + size, length) for line in lines), length]
        for lines, length in zip(starts, (grid.height, grid.width), strict=True)
    )
    cells = make_cells((edges[0], edges[1]), data.sources, opened.kind)
    rows: list[dict[str, object]] = []
    for piece in read_pieces(opened, data.chips):
        cells.add(piece.window, piece.patch)
        for window, patch in piece.chips:
            rows.extend(_chip(key, opened, window, patch, data))
    return rows, cells


def _describe(opened: LabelledScene, cells: Cells) -> dict[str, object]:
    grid = opened.grid
    num_valid, sums = int(cells.known.sum()), cells.answers.sum(axis=(1, 2))
    if num_valid == 0:
        raise RasterError(opened.path, "nodata in every pixel", "pixels that hold data", "Remove the scene.")
    num_known = opened.kind.num_known(sums)
    if num_known == 0:
        raise RasterError(opened.label.path, "no known class in any valid pixel", "labels", "Remove the scene.")
    size = grid.width * grid.height
    return {
        "width": grid.width,
        "height": grid.height,
        table.CRS: name_crs(grid.crs),
        table.PIXEL_SIZE: grid.pixel_size if grid.crs is not None else None,
        **_dates(opened),
        table.VALID_FRACTION: round(num_valid / size, 6),
        **_by_source(opened, cells, size),
        "labelled_fraction": round(num_known / size, 6),
        **opened.kind.columns(sums),
    }


def _dates(opened: LabelledScene) -> dict[str, object]:
    """Return the dates of the reference, and of each other source that has others."""
    stack = opened.stack
    own = table.join_dates(stack.own_dates(stack.reference_source))
    dates = {table.dates_column(source): table.join_dates(stack.own_dates(source)) for source in stack.scenes()}
    return {table.DATES: own, **{column: text for column, text in dates.items() if text not in {None, own}}}


def _by_source(opened: LabelledScene, cells: Cells, size: int) -> dict[str, object]:
    """Return what of each of several sources holds data, and which are missing."""
    if len(cells.sources) == 1:
        return {}
    shares = {f"valid_{source}": round(int(part.valid.sum()) / size, 6) for source, part in cells.sources.items()}
    return {**shares, "missing": ", ".join(opened.stack.missing) or None}


def _chip(
    key: str, opened: LabelledScene, window: Window, patch: Patch, data: DataConfig
) -> Iterator[dict[str, object]]:
    """Yield the row of a chip, or nothing where too little of it is known."""
    grid, kind, (height, width) = opened.grid, opened.kind, patch.size
    sums = np.array([term.sum() for term in kind.terms(np.asarray(patch.target))])
    num_known = kind.num_known(sums)
    valid_fraction = num_known / (height * width)
    if num_known == 0 or valid_fraction < data.chips.min_valid_fraction:
        return
    part = grid.part(window)
    latitude, longitude = part.center_coordinates() or (None, None)
    yield {
        table.SAMPLE_ID: f"{key}_{int(window.row_off):05d}_{int(window.col_off):05d}",
        table.ROW: int(window.row_off),
        table.COLUMN: int(window.col_off),
        table.SIZE: data.chips.size,
        table.CRS: describe_crs(grid.crs),
        table.PIXEL_SIZE: grid.pixel_size,
        **dict(zip(table.BOUNDS, part.bounds, strict=True)),
        table.LATITUDE: latitude,
        table.LONGITUDE: longitude,
        **_dates(opened),
        table.VALID_FRACTION: round(valid_fraction, 6),
        **kind.columns(sums),
        table.CHECKSUM: opened.checksum(window, patch),
        table.CONTENT: content_of(patch),
    }


@dataclass(frozen=True, slots=True)
class Piece:
    """Pixels that were not read before, and the chips that are whole with them."""

    #: Inside the scene.
    window: Window
    patch: Patch
    chips: list[tuple[Window, Patch]]


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
                    table.window_of(top, left, size),
                    rows.held.cut(_span(top - rows.first, size), _span(left - columns[0], size)),
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
    fresh: Patch
    #: From row ``first`` on.
    held: Patch
    first: int
    tops: list[int]


def _read_down(opened: LabelledScene, tops: list[int], chips: ChipsConfig, columns: tuple[int, int]) -> Iterator[_Rows]:
    """Yield a strip from top to bottom, as many rows at a time as may be held."""
    width, stride = columns[1] - columns[0], chips.stride or chips.size
    at_once = max(1, (MOST_HELD // width - chips.size) // stride + 1)
    held: Patch | None = None
    done = 0
    for first in range(0, len(tops), at_once):
        group = tops[first : first + at_once]
        window = Window(columns[0], done, width, group[-1] + chips.size - done)
        fresh = opened.read(window)
        kept = max(done - group[0], 0)
        held = fresh if held is None or not kept else below(held.cut(slice(held.size[0] - kept, None), _ALL), fresh)
        yield _Rows(window, fresh, held, done - kept, group)
        done = group[-1] + chips.size


def _piece(opened: LabelledScene, rows: _Rows, done: int, chips: list[tuple[Window, Patch]]) -> Piece:
    """Keep what of the new rows lies inside the scene, and right of the columns that are done."""
    grid = opened.grid
    (top, bottom), (left, right) = rows.window.toranges()
    first, height, width = max(done - left, 0), min(bottom, grid.height) - top, min(right, grid.width) - left
    inside = Window(left + first, top, width - first, height)
    return Piece(inside, rows.fresh.cut(slice(0, height), slice(first, width)), chips)


def _span(start: int, length: int) -> slice:
    return slice(start, start + length)


def _starts(opened: LabelledScene, chips: ChipsConfig) -> tuple[list[int], list[int]]:
    """Return the rows and the columns at which chips begin."""
    grid, stride = opened.grid, chips.stride or chips.size
    return window_starts(grid.height, chips.size, stride), window_starts(grid.width, chips.size, stride)

"""What tables say of a scene and of a chip."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from rasterio.windows import Window

from groundwork.batch import Patch
from groundwork.config import DataConfig
from groundwork.data import sample_table as table
from groundwork.data.cells import Cells
from groundwork.data.labelled import LabelledScene, content_of
from groundwork.errors import RasterError
from groundwork.rasters.grid import describe_crs, name_crs


def describe_scene(opened: LabelledScene, cells: Cells) -> dict[str, object]:
    """Return the row of a scene: size, CRS, dates, and the fractions of valid pixels and of each class.

    Raises:
        RasterError: Where no pixel of it holds data, or none of these has a known answer.
    """
    grid = opened.grid
    num_valid, sums = int(cells.known.sum()), cells.answers.sum(axis=(1, 2))
    if num_valid == 0:
        raise _without_data(opened)
    num_known = opened.kind.num_known(sums)
    if num_known == 0:
        raise RasterError(
            opened.label.path,
            f"no known answer in any valid pixel of {opened.path.name}",
            "labels",
            "Remove the scene.",
        )
    size = grid.width * grid.height
    return {
        "width": grid.width,
        "height": grid.height,
        table.CRS: name_crs(grid.crs),
        table.PIXEL_SIZE: grid.pixel_size if grid.crs is not None else None,
        **_dates(opened),
        table.VALID_FRACTION: round(num_valid / size, 6),
        **_by_source(opened, cells, size),
        **({} if opened.kind.per == "nothing" else {"labelled_fraction": round(num_known / size, 6)}),
        **opened.kind.columns(sums),
    }


def _without_data(opened: LabelledScene) -> RasterError:
    joined = [name for name, spec in opened.stack.inputs.items() if spec.steps > spec.times_counted]
    if not joined:
        return RasterError(opened.path, "nodata in every pixel", "pixels that hold data", "Remove the scene.")
    return RasterError(
        opened.path,
        f"nodata in every pixel at one of the dates of '{joined[0]}' or another",
        "pixels that hold data at all of them",
        "Remove the scene, or set 'validity_per_step: true', so that a date without data costs that date alone.",
    )


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
    times = {source: spec.times_counted for source, spec in opened.stack.inputs.items()}
    shares = {
        f"valid_{source}": round(int(part.valid.sum()) / (size * times[source]), 6)
        for source, part in cells.sources.items()
    }
    return {**shares, "missing": ", ".join(opened.stack.missing) or None}


def describe_chip(
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

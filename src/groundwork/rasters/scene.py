"""Open a raster, check it against its spec, and read it by window."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader
from rasterio.vrt import WarpedVRT
from rasterio.windows import Window

from groundwork.errors import RasterError
from groundwork.rasters import checks
from groundwork.rasters.grid import TOLERANCE, Grid, name_crs
from groundwork.rasters.opening import grid_of, open_dataset, placed
from groundwork.rasters.validity import holds_data, masks_of, read_masks
from groundwork.rasters.windows import clip, window_in
from groundwork.specs import RasterSpec


@dataclass(frozen=True, slots=True)
class Part:
    """A file that is read, with some of its bands."""

    path: Path
    dataset: DatasetReader
    #: Numbers of the bands that are read.
    indexes: tuple[int, ...]
    #: What :func:`groundwork.rasters.validity.masks_of` says of the file.
    masks: tuple[tuple[int, ...], int | None]
    #: The file itself, where this one mixes neighbours and leaves out by a mask alone.
    mixed: Part | None = None

    def read(
        self, indexes: tuple[int, ...], window: Window, shape: tuple[int, ...]
    ) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
        """Read bands of a window in a height and width of choice, and where the file's masks let them through.

        Raises:
            RasterError: Where the file cannot be decoded.
        """
        try:
            values = self.dataset.read(indexes, window=window, out_shape=(len(indexes), *shape))
            return values, read_masks(self.dataset, self.masks, window, shape)
        except RasterioError as error:
            found = f"pixels that cannot be decoded in {describe_window(window)} ({error.__cause__ or error})"
            raise RasterError(self.path, found, "a whole file", "Fetch it again.") from error


class Scene:
    """One raster, opened and checked; it consists of one file, or of one file per band.

    Use it as a context manager, or call :meth:`close`.
    """

    def __init__(self, paths: Sequence[Path], spec: RasterSpec) -> None:
        """Open the files and check bands, data type, nodata and scaling.

        Raises:
            RasterError: Where a file cannot be opened, or is not what ``spec`` says.
        """
        self.path = paths[0]
        self.spec = spec
        self._stack = ExitStack()
        try:
            self._open(paths)
        except BaseException:
            self._stack.close()
            raise

    def _open(self, paths: Sequence[Path]) -> None:
        datasets = []
        for path in paths:
            datasets.append(open_dataset(path))
            # Entering a dataset would set up GDAL's environment once more, which opening it has done.
            self._stack.callback(datasets[-1].close)
        self._first = datasets[0]
        self._parts = self._one_file(paths[0]) if len(paths) == 1 else self._one_file_per_band(paths, datasets)
        bands = [(part.path, part.dataset, index) for part in self._parts for index in part.indexes]
        checks.check_scaling(bands, self.spec)

    def _one_file(self, path: Path) -> list[Part]:
        declared = len(self.spec.bands) * self.spec.steps
        checks.check_count(self._first, path, declared)
        indexes = self.spec.file_indexes(checks.band_order(self._first, path, self.spec))
        return [self._part(path, self._first, indexes, declared)]

    def _one_file_per_band(self, paths: Sequence[Path], datasets: Sequence[DatasetReader]) -> list[Part]:
        names = self.spec.band_names
        if len(paths) != len(names) or self.spec.steps > 1:
            raise RasterError(self.path.parent, f"{len(paths)} files", f"one file for each of the bands {list(names)}")
        if len(set(paths)) < len(paths):
            twice = next(path for path in paths if list(paths).count(path) > 1)
            raise RasterError(twice, "one file for several bands", "one file for each band", "Correct the patterns.")
        parts = []
        for band in self.spec.used:
            position = names.index(band.name)
            path, dataset = paths[position], datasets[position]
            checks.check_count(dataset, path, 1)
            checks.check_description(dataset, path, band, self.spec)
            part = self._part(path, dataset, (1,), 1)
            parts.append(self._on_first_grid(part))
        return parts

    def _part(self, path: Path, dataset: DatasetReader, indexes: tuple[int, ...], declared: int) -> Part:
        checks.check_dtype(dataset, path, indexes, self.spec)
        checks.check_nodata(dataset, path, indexes, self.spec)
        return Part(path, dataset, indexes, masks_of(dataset, indexes, declared))

    def _on_first_grid(self, part: Part) -> Part:
        path, own, first = part.path, placed(grid_of(part.dataset)), self.grid
        if not first.differences(own):
            return part
        distances = [abs(a - b) for a, b in zip(own.bounds, first.bounds, strict=True)]
        if own.crs != first.crs or max(distances) > own.pixel_size / 2:
            raise RasterError(path, "; ".join(first.differences(own)), f"the ground that {self.path.name} covers")
        if self.spec.resampling is None:
            alike = abs(own.pixel_size - first.pixel_size) < TOLERANCE * own.pixel_size
            expected = f"the grid of {self.path.name}" if alike else f"the pixel size of {self.path.name}"
            raise RasterError(path, "; ".join(first.differences(own)), expected, "Set 'resampling'.")
        # GDAL leaves out what is not valid when it resamples, by mask or by value. It can hand on a mask of the file
        # only as an alpha band.
        masked, alpha = part.masks
        nodata = None if masked or alpha else _nodata_number(self.spec.nodata)
        warped = WarpedVRT(
            part.dataset,
            src_nodata=nodata,
            nodata=nodata,
            add_alpha=bool(masked) and alpha is None,
            crs=first.crs,
            transform=first.transform,
            width=first.width,
            height=first.height,
            resampling=Resampling[self.spec.resampling],
        )
        self._stack.enter_context(warped)
        may_mix = (masked or alpha) and self.spec.nodata is not None and self.spec.resampling in ("bilinear", "cubic")
        return Part(path, warped, part.indexes, masks_of(warped, part.indexes, 1), part if may_mix else None)

    @cached_property
    def grid(self) -> Grid:
        """Where the pixels lie.

        Raises:
            RasterError: Where the georeference is missing, or there although declared absent.
        """
        grid = grid_of(self._first)
        has_place = grid.transform != Affine.identity()
        if self.spec.georeference == "required" and not (grid.crs is not None and has_place):
            found = f"CRS {name_crs(grid.crs)} and {'a' if has_place else 'no'} geotransform"
            if self._first.gcps[0] or self._first.rpcs:
                found += " (only ground control points or RPCs: warp the file to a grid first, with gdalwarp)"
            raise RasterError(
                self.path, found, "a CRS and a geotransform", "Set 'georeference: absent' if the files have none."
            )
        if self.spec.georeference == "absent":
            if grid.crs is not None and has_place:
                found, expected = f"CRS {name_crs(grid.crs)}", "no CRS, as 'sources' declares"
                raise RasterError(self.path, found, expected, "Set 'georeference: required'.")
            return placed(grid)
        checks.check_pixel_size(grid, self.path, self.spec)
        return grid

    @cached_property
    def dates(self) -> list[date] | None:
        """Acquisition date of each step, where the spec names a tag; None otherwise.

        Raises:
            RasterError: Where the tag is missing or holds no dates.
        """
        if self.spec.date_tag is None:
            return None
        text = self._first.tags().get(self.spec.date_tag)
        try:
            dates = [checks.read_date(part.strip()) for part in (text or "").split(",")]
        except ValueError:
            dates = []
        if len(dates) != self.spec.steps:
            expected = f"{self.spec.steps} date(s) such as 2024-06-30"
            raise RasterError(self.path, f"{text!r} in tag '{self.spec.date_tag}'", expected, "Correct 'date_tag'.")
        return dates

    def read(self, window: Window) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
        """Read a window; what lies beyond the raster's edge is not valid.

        Returns:
            Raw values (channels, height, width) in the file's type, or (channels, steps, height, width) for several
            steps, and validity (height, width).

        Raises:
            RasterError: Where the file cannot be decoded, or holds nodata although none is declared.
        """
        height, width = int(window.height), int(window.width)
        checks.check_window(self.path, window, self._first)
        inside, place = clip(window, self._first.width, self._first.height)
        values, valid = self._read_inside(inside)
        if place is not None:
            full = np.zeros((values.shape[0], height, width), values.dtype)
            full_valid = np.zeros((height, width), np.bool_)
            full[:, *place], full_valid[place] = values, valid
            values, valid = full, full_valid
        if self.spec.steps > 1:
            values = values.reshape(self.spec.steps, -1, height, width).swapaxes(0, 1)
        return values, valid

    def _read_inside(self, window: Window) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
        pieces, valid = [], np.ones((int(window.height), int(window.width)), np.bool_)
        for part in self._parts:
            values, unmasked = part.read(part.indexes, window, valid.shape)
            if part.mixed is not None:
                there = window_in(window, part.dataset.transform, part.mixed.dataset)
                raw = part.mixed.read(part.indexes, there, (int(there.height), int(there.width)))
                checks.check_unmasked(part.path, *raw, self.spec)
            # A value beneath a mask is no measurement, whatever it is.
            checks.check_values(values if unmasked.all() else values[:, unmasked], part.path, self.spec)
            pieces.append(values)
            valid &= unmasked
        values = pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
        return values, valid & holds_data(values, self.spec.nodata)

    def thumbnail(self, most: int) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
        """Read the whole raster thinned out to at most ``most`` pixels a side, from overviews where it has any.

        Returns:
            Raw values (channels, height, width) of the first step, and validity (height, width).

        Raises:
            RasterError: Where a file cannot be decoded.
        """
        width, height = self._first.width, self._first.height
        factor = max(1.0, max(width, height) / most)
        shape = (max(1, round(height / factor)), max(1, round(width / factor)))
        pieces, valid = [], np.ones(shape, np.bool_)
        for part in self._parts:
            first_step = part.indexes[: self.spec.num_channels]
            values, unmasked = part.read(first_step, Window(0, 0, width, height), shape)
            pieces.append(values)
            valid &= unmasked
        values = np.concatenate(pieces)
        return values, valid & holds_data(values, self.spec.nodata)

    def close(self) -> None:
        """Close all files."""
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def _nodata_number(nodata: float | str | None) -> float | None:
    return None if nodata is None else float(nodata)


def describe_window(window: Window) -> str:
    """Say in words which rows and columns a window covers."""
    return f"rows {int(window.row_off)}+{int(window.height)}, columns {int(window.col_off)}+{int(window.width)}"

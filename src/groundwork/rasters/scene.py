"""Open a raster, check it against its spec, and read it by window."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from datetime import date
from functools import cached_property
from pathlib import Path

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from rasterio.io import DatasetReader
from rasterio.windows import Window

from groundwork.errors import RasterError
from groundwork.rasters import checks
from groundwork.rasters.grid import TOLERANCE, Grid, name_crs
from groundwork.rasters.opened import Opened
from groundwork.rasters.opening import grid_of, open_dataset, placed
from groundwork.rasters.part import Part, warp
from groundwork.rasters.validity import holds_data, masks_of, passes
from groundwork.rasters.windows import clip, window_in
from groundwork.specs import QualityRule, RasterSpec


class Scene(Opened):
    """One raster, opened and checked; it consists of one file, or of one file per date, per band, or both.

    Use it as a context manager, or call :meth:`close`.
    """

    def __init__(self, paths: Sequence[Path], spec: RasterSpec, onto: Scene | None = None) -> None:
        """Open the files and check bands, data type, nodata and scaling.

        Args:
            paths: One file, or one for each band; with a file per date those of the first date first.
            spec: What they hold.
            onto: The scene of the reference source, on whose grid this one is read. None: this one has its own.

        Raises:
            RasterError: Where a file cannot be opened, or is not what ``spec`` says.
        """
        self.path = paths[0]
        self.spec = spec
        self._onto = onto
        self._rules: list[tuple[Part, QualityRule]] = []
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
        self._datasets = [datasets[index] for index in range(0, len(paths), self._files_per_date(paths))]
        self._parts = []
        count = len(paths) // len(self._datasets)
        for start in range(0, len(paths), count):
            of_date = slice(start, start + count)
            self._parts += self._one_date(paths[of_date], datasets[of_date])
        bands = [(part.path, part.dataset, index) for part in self._parts for index in part.indexes]
        checks.check_scaling(bands, self.spec)

    def _files_per_date(self, paths: Sequence[Path]) -> int:
        """Return how many files there are for each date; all of them where dates are stacked in a file."""
        steps = self.spec.steps
        if self.spec.layout != "file_per_date":
            return len(paths)
        if len(paths) % steps:
            raise RasterError(self.path, f"{len(paths)} files", f"as many for each of {steps} dates")
        return len(paths) // steps

    def _one_date(self, paths: Sequence[Path], datasets: Sequence[DatasetReader]) -> list[Part]:
        return self._one_file(paths[0], datasets[0]) if len(paths) == 1 else self._one_file_per_band(paths, datasets)

    def _one_file(self, path: Path, dataset: DatasetReader) -> list[Part]:
        spec = self.spec.of_a_file
        declared = len(spec.bands) * spec.steps
        checks.check_count(dataset, path, declared)
        order = checks.band_order(dataset, path, spec)
        for rule in spec.valid:
            indexes = spec.file_indexes(order, [rule.band])
            self._rules.append((self._quality(path, dataset, indexes, declared), rule))
        return [self._part(path, dataset, spec.file_indexes(order), declared)]

    def _one_file_per_band(self, paths: Sequence[Path], datasets: Sequence[DatasetReader]) -> list[Part]:
        names = self.spec.band_names
        if len(paths) != len(names) or self.spec.of_a_file.steps > 1:
            raise RasterError(self.path.parent, f"{len(paths)} files", f"one file for each of the bands {list(names)}")
        if len(set(paths)) < len(paths):
            twice = next(path for path in paths if list(paths).count(path) > 1)
            raise RasterError(twice, "one file for several bands", "one file for each band", "Correct the patterns.")
        by_name = dict(zip(names, zip(paths, datasets, self.spec.bands, strict=True), strict=True))
        for rule in self.spec.valid:
            path, dataset, band = by_name[rule.band]
            checks.check_count(dataset, path, 1)
            checks.check_dtype(dataset, path, (1,), band.dtype or self.spec.dtype)
            self._rules.append((self._quality(path, dataset, (1,), 1), rule))
        parts = []
        for name in (band.name for band in self.spec.used):
            path, dataset, band = by_name[name]
            checks.check_count(dataset, path, 1)
            checks.check_description(dataset, path, band, self.spec)
            parts.append(self._part(path, dataset, (1,), 1))
        return parts

    def _quality(self, path: Path, dataset: DatasetReader, indexes: tuple[int, ...], declared: int) -> Part:
        """Return a quality band; its values are codes, which are never mixed."""
        resampling = None if self.spec.resampling is None else "nearest"
        spec = self.spec.model_copy(update={"resampling": resampling, "nodata": dataset.nodata})
        return self._brought(Part(path, dataset, indexes, masks_of(dataset, indexes, declared), declared), spec)

    def _part(self, path: Path, dataset: DatasetReader, indexes: tuple[int, ...], declared: int) -> Part:
        checks.check_dtype(dataset, path, indexes, self.spec.dtype)
        checks.check_nodata(dataset, path, indexes, self.spec)
        return self._brought(Part(path, dataset, indexes, masks_of(dataset, indexes, declared), declared), self.spec)

    def _brought(self, part: Part, spec: RasterSpec) -> Part:
        """Return a file on the grid of the raster: that of its first file, or of the reference."""
        if self._onto is None and part.dataset is self._first:
            return part
        own = placed(grid_of(part.dataset))
        differences = self.grid.differences(own)
        if not differences:
            return part
        others = self.path.name if self._onto is None else self._onto.path.name
        self._require_place(part.path, own, f"the ground that {others} covers")
        if self.spec.resampling is None:
            alike = abs(own.pixel_size - self.grid.pixel_size) < TOLERANCE * own.pixel_size
            is_grid = alike or self._onto is not None
            expected = f"the grid of {others}" if is_grid else f"the pixel size of {others}"
            raise RasterError(part.path, "; ".join(differences), expected, "Set 'resampling'.")
        brought, warped = warp(part, self.grid, spec)
        self._stack.enter_context(warped)
        return brought

    def _require_place(self, path: Path, own: Grid, expected: str) -> None:
        """Refuse a file that shows other ground: of one raster by half a pixel, of another source altogether."""
        grid = self.grid
        if self._onto is None:
            distances = [abs(a - b) for a, b in zip(own.bounds, grid.bounds, strict=True)]
            if own.crs != grid.crs or max(distances) > own.pixel_size / 2:
                raise RasterError(path, "; ".join(grid.differences(own)), expected)
        elif own.crs is None or grid.crs is None:
            raise RasterError(
                path, "; ".join(grid.differences(own)), expected, "Georeference both, or crop them alike."
            )
        elif not grid.overlaps(own):
            found = f"bounds {_bounds(own)} in {name_crs(own.crs)}, of which nothing lies in {_bounds(grid)}"
            raise RasterError(path, f"{found} in {name_crs(grid.crs)}", expected, "Correct the patterns or the files.")

    @property
    def _extent(self) -> Grid | DatasetReader:
        """What has the width and height that windows lie in; whether a georeference is there is no matter of that."""
        return self._first if self._onto is None else self._onto.grid

    @cached_property
    def grid(self) -> Grid:
        """Where the pixels lie: as in the file, or on the grid of the reference. Raises as :meth:`own_grid`."""
        return self.own_grid if self._onto is None else self._onto.grid

    @cached_property
    def own_grid(self) -> Grid:
        """Where the pixels of the file lie.

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
        texts = [dataset.tags().get(self.spec.date_tag) for dataset in self._datasets]
        text = ", ".join(map(str, texts)) if any(texts) else None
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
        checks.check_window(self.path, window, self._extent)
        inside, place = clip(window, self._extent.width, self._extent.height)
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
                there = window_in(window, self.grid, part.mixed.dataset)
                raw = part.mixed.read(part.indexes, there, (int(there.height), int(there.width)))
                checks.check_unmasked(part.path, *raw, self.spec)
            # A value beneath a mask is no measurement, whatever it is.
            checks.check_values(values if unmasked.all() else values[:, unmasked], part.path, self.spec)
            pieces.append(values)
            valid &= unmasked
        values = pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
        valid &= holds_data(values, self.spec.nodata, self.spec.validity)
        return values, self._passed(valid, window)

    def _passed(self, valid: NDArray[np.bool_], window: Window) -> NDArray[np.bool_]:
        """Return what of a window (height, width) the quality bands let through."""
        for part, rule in self._rules:
            values, unmasked = part.read(part.indexes, window, valid.shape)
            valid = valid & unmasked & passes(values, rule)
        return valid

    def thumbnail(self, most: int) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
        """Read the whole raster thinned out to at most ``most`` pixels a side, from overviews where it has any.

        Returns:
            Raw values (channels, height, width) of the first step, and validity (height, width).

        Raises:
            RasterError: Where a file cannot be decoded.
        """
        width, height = self._extent.width, self._extent.height
        factor = max(1.0, max(width, height) / most)
        shape = (max(1, round(height / factor)), max(1, round(width / factor)))
        pieces, valid = [], np.ones(shape, np.bool_)
        for part in self._parts[: len(self._parts) // len(self._datasets)]:
            first_step = part.indexes[: self.spec.num_channels]
            values, unmasked = part.read(first_step, Window(0, 0, width, height), shape)
            pieces.append(values)
            valid &= unmasked
        values = np.concatenate(pieces)
        valid &= holds_data(values, self.spec.nodata, self.spec.validity)
        return values, self._passed(valid, Window(0, 0, width, height))

    def close(self) -> None:
        """Close all files."""
        self._stack.close()


def _bounds(grid: Grid) -> str:
    return "(" + ", ".join(f"{number:.8g}" for number in grid.bounds) + ")"

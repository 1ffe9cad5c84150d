"""Open a raster, check it against its spec, and read it by window."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import date
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rasterio.io import DatasetReader
from rasterio.windows import Window

from groundwork.errors import RasterError
from groundwork.rasters import checks
from groundwork.rasters.addresses import NO_FILE
from groundwork.rasters.axes import open_along
from groundwork.rasters.bad_blocks import BadBlocks
from groundwork.rasters.canvas import Placed
from groundwork.rasters.date_parts import DateParts, by_step, holds_at_all_steps, holds_by_step, passed_at_all_steps
from groundwork.rasters.dates import read_dates
from groundwork.rasters.file_steps import require_same_dates, steps_in
from groundwork.rasters.filling import Filling
from groundwork.rasters.grid import TOLERANCE, Grid, name_crs
from groundwork.rasters.opened import Opened
from groundwork.rasters.opening import grid_of, placed, require_place
from groundwork.rasters.part import Part, warp
from groundwork.rasters.same_ground import require_overlap, require_same_edges
from groundwork.rasters.scaling import require_scaling
from groundwork.rasters.validity import masks_of
from groundwork.rasters.windows import clip, grown, thinned
from groundwork.specs import QualityRule, RasterSpec


class Scene(Opened):
    """One raster, opened and checked; it consists of one file, or of one file per date, per band, or both.

    Use it as a context manager, or call :meth:`close`.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        spec: RasterSpec,
        onto: Placed | None = None,
        lent: Sequence[QualityRule] = (),
        bad: BadBlocks | None = None,
        told: Sequence[date] | None = None,
    ) -> None:
        """Open the files and check bands, data type, nodata and scaling.

        Args:
            paths: One file, or one for each band; with a file per date those of the first date first. A date that
                has none has :data:`NO_FILE`.
            spec: What they hold.
            onto: The scene of the reference source, or a canvas, on whose grid this is read. None: it has its own.
            lent: Rules of other sources for bands of this one.
            bad: Is told which blocks cannot be decoded; their pixels then hold no data. None: they are refused.
            told: The dates of all steps of a stack, where they are said elsewhere than in it.

        Raises:
            RasterError: Where a file cannot be opened, or is not what ``spec`` says.
        """
        self.path = next(path for path in paths if path != NO_FILE)
        self.spec = spec
        self._onto, self._lent, self._bad, self._told, self._stack = onto, tuple(lent), bad, told, ExitStack()
        try:
            self._open(paths)
        except BaseException:
            self._stack.close()
            raise

    def _open(self, paths: Sequence[Path]) -> None:
        datasets = {}
        for path in paths:
            if path != NO_FILE and path not in datasets:
                datasets[path] = open_along(path, self.spec.axes, self.spec.layout)
                # Entering a dataset would set up GDAL's environment once more, which opening it has done.
                self._stack.callback(datasets[path].close)
        self._first = datasets[self.path]
        count = self._files_per_date(paths)
        self._dates: list[DateParts | None] = []
        for start in range(0, len(paths), count):
            of_date = paths[start : start + count]
            is_there = NO_FILE not in of_date
            self._dates.append(self._one_date(of_date, [datasets[path] for path in of_date]) if is_there else None)

    def _files_per_date(self, paths: Sequence[Path]) -> int:
        """Return how many files there are for each date; all of them where dates are stacked in a file."""
        if self.spec.layout != "file_per_date":
            return len(paths)
        if len(paths) % self.spec.steps:
            raise RasterError(self.path, f"{len(paths)} files", f"as many for each of {self.spec.steps} dates")
        return len(paths) // self.spec.steps

    def _one_date(self, paths: Sequence[Path], datasets: Sequence[DatasetReader]) -> DateParts:
        is_one = len(paths) == 1
        parts = self._one_file(paths[0], datasets[0]) if is_one else self._one_file_per_band(paths, datasets)
        bands = [(part.path, part.dataset, index) for part in parts.parts for index in part.indexes]
        return replace(parts, shift=require_scaling(bands, self.spec))

    def _one_file(self, path: Path, dataset: DatasetReader) -> DateParts:
        steps = steps_in(path, dataset, self.spec.of_a_file, len(self.spec.bands), self._told)
        declared = len(steps.whole.bands) * steps.whole.steps
        order = checks.band_order(dataset, path, steps.whole)
        quality = {
            rule.band: self._quality(path, dataset, steps.indexes(order, [rule.band]), declared)
            for rule in [*self.spec.own_rules, *self._lent]
        }
        wanted = by_step(steps.indexes(order), 1 if self._bad is None else len(steps.read))
        parts = [self._part(path, dataset, indexes, declared) for indexes in wanted]
        return DateParts(dataset, parts, quality, dates=steps.dates, places=steps.places)

    def _one_file_per_band(self, paths: Sequence[Path], datasets: Sequence[DatasetReader]) -> DateParts:
        """Return the files of bands, each with all steps that are stacked in it."""
        names, spec = self.spec.band_names, self.spec.of_a_file
        if len(paths) != len(names):
            raise RasterError(self.path, f"{len(paths)} files", f"one file for each of the bands {list(names)}")
        if len(set(paths)) < len(paths):
            twice = next(path for path in paths if list(paths).count(path) > 1)
            raise RasterError(twice, "one file for several bands", "one file for each band", "Correct the patterns.")
        by_name = dict(zip(names, zip(paths, datasets, self.spec.bands, strict=True), strict=True))
        rules, quality, parts = {rule.band for rule in (*self.spec.own_rules, *self._lent)}, {}, []
        read = rules | {band.name for band in self.spec.used}
        steps = {name: steps_in(*by_name[name][:2], spec, 1, self._told) for name in names if name in read}
        first = require_same_dates({by_name[name][0]: found for name, found in steps.items()})
        for rule in sorted(rules):
            path, dataset, band = by_name[rule]
            indexes = tuple(step + 1 for step in steps[rule].read)
            checks.check_dtype(dataset, path, indexes, band.dtype or self.spec.dtype)
            quality[rule] = self._quality(path, dataset, indexes, steps[rule].whole.steps)
        for position in range(len(first.read)):
            for name in (band.name for band in self.spec.used):
                path, dataset, band = by_name[name]
                checks.check_description(dataset, path, band, self.spec)
                parts.append(self._part(path, dataset, (steps[name].read[position] + 1,), steps[name].whole.steps))
        return DateParts(datasets[0], parts, quality, dates=first.dates, places=first.places)

    def _quality(self, path: Path, dataset: DatasetReader, indexes: tuple[int, ...], declared: int) -> Part:
        """Return a quality band; its values are codes, which are never mixed, and which rules alone understand."""
        resampling = None if self.spec.resampling is None else "nearest"
        # Ground that is not covered is told by an alpha band: rules may let the code of nodata through.
        spec = self.spec.model_copy(update={"resampling": resampling, "nodata": None})
        return self._brought(Part(path, dataset, indexes, masks_of(dataset, indexes, declared), declared), spec)

    def _part(self, path: Path, dataset: DatasetReader, indexes: tuple[int, ...], declared: int) -> Part:
        checks.check_dtype(dataset, path, indexes, self.spec.dtype)
        checks.check_nodata(dataset, path, indexes, self.spec)
        return self._brought(Part(path, dataset, indexes, masks_of(dataset, indexes, declared), declared), self.spec)

    def _brought(self, part: Part, spec: RasterSpec) -> Part:
        """Return a file on the grid of the raster: that of its first file, or of the reference."""
        if self._onto is None and part.dataset is self._first:
            return self._rescued(part, spec, None)
        own = placed(grid_of(part.dataset))
        if not (differences := self.grid.differences(own)):
            return self._rescued(part, spec, None)
        others = self.path.name if self._onto is None else self._onto.path.name
        require = require_same_edges if self._onto is None else require_overlap
        require(part.path, own, self.grid, f"the ground that {others} covers")
        if self.spec.resampling is None:
            alike = abs(own.pixel_size - self.grid.pixel_size) < TOLERANCE * own.pixel_size
            is_grid = alike or self._onto is not None
            expected = f"the grid of {others}" if is_grid else f"the pixel size of {others}"
            raise RasterError(part.path, "; ".join(differences), expected, "Set 'resampling'.")
        brought = warp(self._rescued(part, spec, None), self.grid, spec, self._stack)
        return replace(brought, rescue=self._rescued(part, spec, self.grid).rescue)

    def _rescued(self, part: Part, spec: RasterSpec, grid: Grid | None) -> Part:
        """Return a file with what reads it where blocks cannot be decoded, if that is wanted."""
        return part if self._bad is None else replace(part, rescue=Filling(part, spec, grid, self._bad, self._stack))

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
        if self.spec.georeference == "required":
            require_place(self.path, self._first)
        if self.spec.georeference == "absent":
            if placed(grid).crs is not None:
                found, expected = f"CRS {name_crs(grid.crs)}", "no CRS, as 'sources' declares"
                raise RasterError(self.path, found, expected, "Set 'georeference: required'.")
            return placed(grid)
        checks.check_pixel_size(grid, self.path, self.spec)
        return grid

    @cached_property
    def dates(self) -> list[date] | None:
        """Acquisition date of each step, where a stack or its axis or tag says them; None otherwise.

        Raises:
            RasterError: Where the tag is missing or holds no dates.
        """
        by_file = self.by_date[0].dates
        if by_file is None and self.spec.date_tag is not None:
            return read_dates([parts.dataset for parts in self.by_date], self.path, self.spec)
        return None if by_file is None else list(by_file)

    @property
    def by_date(self) -> list[DateParts]:
        """What is read of each date that has files."""
        return [parts for parts in self._dates if parts]

    def read(self, window: Window) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
        """Read a window; what lies beyond the raster's edge is not valid.

        Returns:
            Raw values (channels, height, width) in the file's type, or (channels, steps, height, width) for several
            steps, and validity (height, width), or (steps, height, width) where each step has its own.

        Raises:
            RasterError: Where the file cannot be decoded, or holds nodata although none is declared.
        """
        height, width = int(window.height), int(window.width)
        checks.check_window(self.path, window, self._extent)
        inside, place = clip(window, self._extent.width, self._extent.height)
        values, valid = self._read_inside(inside)
        if place is not None:
            values, valid = grown(values, place, window), grown(valid, place, window)
        if self.spec.steps > 1:
            values = values.reshape(self.spec.steps, -1, height, width).swapaxes(0, 1)
        return values, valid

    def _read_inside(self, window: Window) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
        shape, rules = (int(window.height), int(window.width)), self.spec.own_rules
        pieces, masks = [], []
        for date_parts in self._dates:
            if date_parts is None:
                pieces.append(np.zeros((self.spec.num_channels, *shape), self.spec.dtype))
                masks.append(np.zeros((1, *shape), np.bool_))
                continue
            values, unmasked = date_parts.read(window, lambda: self.grid, self.spec)
            pieces.append(date_parts.spread(values, self.spec))
            passed = unmasked & date_parts.passed(window, shape, rules) if rules else unmasked
            masks.append(date_parts.spread(passed, self.spec))
        values = pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
        if self.spec.has_validity_per_step:
            masks = [np.broadcast_to(mask, (self.spec.steps // len(masks), *shape)) for mask in masks]
            return values, np.concatenate(masks) & holds_by_step(values, self.spec)
        return values, passed_at_all_steps(holds_at_all_steps(values, self.spec), masks)

    def passed(self, window: Window, rules: Sequence[QualityRule]) -> NDArray[np.bool_]:
        """Return where quality bands let each step through by rules of other sources, (steps, height, width).

        A date that is missing lets nothing through, nor does what lies beyond the edge.
        """
        inside, place = clip(window, self._extent.width, self._extent.height)
        shape = (int(inside.height), int(inside.width))
        nothing = np.zeros((1, *shape), np.bool_)
        of_dates = ((parts, nothing if parts is None else parts.passed(inside, shape, rules)) for parts in self._dates)
        passed = np.concatenate([mask if parts is None else parts.spread(mask, self.spec) for parts, mask in of_dates])
        return passed if place is None else grown(passed, place, window)

    def thumbnail(
        self, most: int, part: Window | None = None, *, last: bool = False
    ) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
        """Read the raster, or a part, thinned out to at most ``most`` pixels a side, from overviews where it has any.

        Returns:
            Raw values (channels, height, width) of the first step that is there, or the ``last``, and validity (height,
            width): of this step, where each has its own, or else of all.

        Raises:
            RasterError: Where a file cannot be decoded.
        """
        whole = part or Window(0, 0, self._extent.width, self._extent.height)
        shape = thinned(whole.height, whole.width, most)
        others = [date_parts for date_parts in self._dates if date_parts is not None]
        shown = others.pop(-1 if last else 0)
        values, valid = shown.thumbnail(whole, shape, self.spec, last=last)
        passed = shown.passed(whole, shape, self.spec.own_rules)
        if self.spec.has_validity_per_step:
            return values, valid & passed[-1 if last else 0]
        rest = (date_parts.passed(whole, shape, self.spec.own_rules) for date_parts in others)
        return values, passed_at_all_steps(valid, (passed, *rest))

    def close(self) -> None:
        """Close all files."""
        self._stack.close()

"""The files of one date of a raster, or of all dates that are stacked in them, read together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from rasterio.io import DatasetReader
from rasterio.windows import Window

from groundwork.rasters import checks
from groundwork.rasters.band_axes import names_of_bands
from groundwork.rasters.grid import Grid
from groundwork.rasters.part import Part
from groundwork.rasters.scaling import shifted, states_scaling
from groundwork.rasters.validity import holds_data, lets_all_through, passes
from groundwork.rasters.windows import window_in
from groundwork.specs import QualityRule, RasterSpec

Kind = TypeVar("Kind", bound=np.generic)

_COLORS = {"red", "green", "blue"}


@dataclass(frozen=True, slots=True)
class DateParts:
    """Files that are open, with the bands that are read."""

    #: The file that is asked for tags.
    dataset: DatasetReader
    #: With the bands of the first step first.
    parts: Sequence[Part]
    #: Quality band -> its file, with all steps of it.
    quality: Mapping[str, Part]
    #: What is added to the raw values of each band of ``parts``. None: nothing.
    shift: NDArray[np.float64] | None = None
    #: Of each step, also of those that are filled, where the files say them.
    dates: tuple[date, ...] | None = None
    #: Which steps of the raster lie in the files. None: all of them.
    places: tuple[int, ...] | None = None

    def names(self, spec: RasterSpec) -> bool:
        """Whether it is said which band is which: by a file for each, by descriptions, or by colours that agree."""
        if len({part.path for part in self.parts}) > 1 or any(names_of_bands(self.dataset)):
            return True
        colors = {index: color.name for index, color in enumerate(self.dataset.colorinterp) if color.name in _COLORS}
        stated = {index: name.lower() for index, name in enumerate(spec.band_names) if name.lower() in _COLORS}
        # With all three of them, a fourth band can only be what is left.
        return len(stated) == len(_COLORS) and colors == stated and len(spec.bands) <= len(_COLORS) + 1

    def tells_offsets(self) -> bool:
        """Whether each file says which offset its values have."""
        return all(states_scaling(part.path, part.dataset, part.indexes) for part in self.parts)

    def read(
        self, window: Window, grid: Callable[[], Grid], spec: RasterSpec
    ) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
        """Read a window that lies inside.

        Args:
            window: What is read.
            grid: Gives where the pixels lie, if that is asked.
            spec: What the files hold.

        Returns:
            Raw values (steps * channels, height, width), and where masks let them through (steps, height, width), of
            the steps that are there; of one step, where all are read together.

        Raises:
            RasterError: Where a file cannot be decoded, or holds nodata although none is declared.
        """
        if len(self.parts) == 1:
            values, unmasked = _read_checked(self.parts[0], window, grid, spec)
            return self._moved(values, spec), unmasked[None]
        steps = spec.of_a_file.steps if self.places is None else len(self.places)
        pieces, valid = [], np.ones((steps, int(window.height), int(window.width)), np.bool_)
        for number, part in enumerate(self.parts):
            values, unmasked = _read_checked(part, window, grid, spec)
            pieces.append(values)
            valid[number * steps // len(self.parts)] &= unmasked
        return self._moved(np.concatenate(pieces), spec), valid

    def _moved(self, values: NDArray[np.generic], spec: RasterSpec, *, last: bool = False) -> NDArray[np.generic]:
        """Return values of all steps, or of the first or last, as they are declared."""
        if self.shift is None:
            return values
        return shifted(values, self.shift[-len(values) :] if last else self.shift[: len(values)], spec)

    def passed(self, window: Window, shape: tuple[int, ...], rules: Sequence[QualityRule]) -> NDArray[np.bool_]:
        """Return where quality bands let each step that is there through, by all rules, (steps, height, width)."""
        passed = np.ones((1, *shape), np.bool_)
        for rule in rules:
            part = self.quality[rule.band]
            values, unmasked = part.read(part.indexes, window, shape)
            passed = passed & unmasked & passes(values, rule)
        return passed

    def spread(self, found: NDArray[Kind], spec: RasterSpec) -> NDArray[Kind]:
        """Return what was read of the steps that are there as that of all steps, with zeros, or False, in the others.

        Args:
            found: (steps * channels, height, width), or (1, height, width) of all steps that are there.
            spec: With the steps of the raster.
        """
        if self.places is None:
            return found
        size = found.shape[1:]
        there = np.broadcast_to(found, (len(self.places), *size)) if len(found) == 1 else found
        whole = np.zeros((spec.steps, len(there) // len(self.places), *size), found.dtype)
        whole[list(self.places)] = there.reshape(len(self.places), -1, *size)
        return whole.reshape(-1, *size)

    def thumbnail(
        self, whole: Window, shape: tuple[int, int], spec: RasterSpec, *, last: bool
    ) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
        """Read the first step, or the last, thinned out to a height and width.

        Returns:
            Raw values (channels, height, width), and where they hold data and masks let them through (height, width).
        """
        pieces: list[NDArray[np.generic]] = []
        valid = np.ones(shape, np.bool_)
        for part in self.parts[:: -1 if last else 1]:
            missing = spec.num_channels - sum(len(piece) for piece in pieces)
            if missing:
                values, unmasked = part.read(part.indexes[-missing:] if last else part.indexes[:missing], whole, shape)
                pieces.insert(0 if last else len(pieces), values)
                valid &= unmasked
        values = self._moved(np.concatenate(pieces), spec, last=last)
        return values, valid & holds_data(values, spec.nodata, spec.validity)


def _read_checked(
    part: Part, window: Window, grid: Callable[[], Grid], spec: RasterSpec
) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
    """Read a file as of :meth:`Part.read`, and refuse nodata that is not declared."""
    values, unmasked = part.read(part.indexes, window, (int(window.height), int(window.width)))
    if part.mixed is not None:
        there = window_in(window, grid(), part.mixed.dataset)
        raw = part.mixed.read(part.indexes, there, (int(there.height), int(there.width)))
        checks.check_unmasked(part.path, *raw, spec)
    # A value beneath a mask is no measurement, whatever it is.
    checks.check_values(values if lets_all_through(unmasked) else values[:, unmasked], part.path, spec)
    return values, unmasked


def by_step(indexes: tuple[int, ...], steps: int) -> list[tuple[int, ...]]:
    """Return the bands of each step that is read by itself, of all bands, those of the first step first."""
    count = len(indexes) // steps
    return [indexes[step * count : (step + 1) * count] for step in range(steps)]


def holds_by_step(values: NDArray[np.generic], spec: RasterSpec) -> NDArray[np.bool_]:
    """Return where each step holds data, (steps, height, width).

    Args:
        values: (steps * channels, height, width).
        spec: With nodata.
    """
    steps = values.reshape(-1, spec.num_channels, *values.shape[-2:])
    return np.stack([holds_data(step, spec.nodata, spec.validity) for step in steps])


def holds_at_all_steps(values: NDArray[np.generic], spec: RasterSpec) -> NDArray[np.bool_]:
    """Return where all steps hold data, (height, width). See :func:`holds_by_step`."""
    if spec.steps == 1 or spec.validity == "all":
        return holds_data(values, spec.nodata, spec.validity)
    return np.asarray(holds_by_step(values, spec).all(axis=0))


def passed_at_all_steps(valid: NDArray[np.bool_], masks: Iterable[NDArray[np.bool_]]) -> NDArray[np.bool_]:
    """Take from ``valid`` (height, width), in place, what masks (steps, height, width) do not let through."""
    for mask in masks:
        valid &= mask[0] if len(mask) == 1 else mask.all(axis=0)
    return valid

"""The steps that lie in one file, and which of them are read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from rasterio.io import DatasetReader

from groundwork.errors import RasterError
from groundwork.rasters import checks
from groundwork.rasters.band_axes import axes_of_bands, axis_of_time, layout_of, lengths_of_bands, places_along
from groundwork.rasters.choosing import suits, taken_of
from groundwork.rasters.time_axis import moments_of
from groundwork.specs import RasterSpec


@dataclass(frozen=True, slots=True)
class FileSteps:
    """Steps of a file."""

    #: What the file holds with all its steps.
    whole: RasterSpec
    #: Positions of those that are read, from 0, in the order in which they are read.
    taken: tuple[int, ...]
    #: Their dates, where an axis says them.
    dates: tuple[date, ...] | None = None

    def indexes(self, order: Sequence[str] | None = None, wanted: Sequence[str] | None = None) -> tuple[int, ...]:
        """Return 1-based band numbers to read, as of :meth:`RasterSpec.file_indexes`, of the steps that are read."""
        found = self.whole.file_indexes(order, wanted)
        size = len(found) // self.whole.steps
        return tuple(index for step in self.taken for index in found[step * size : (step + 1) * size])


def steps_in(path: Path, dataset: DatasetReader, spec: RasterSpec, bands: int) -> FileSteps:
    """Return the steps of a file.

    Args:
        path: Of the file.
        dataset: It, opened.
        spec: What it holds with the steps that are read.
        bands: How many of the bands it holds: all, or one.

    Raises:
        RasterError: Where the file has other bands or steps than declared, or stacks them in another way than it is
            declared to.
    """
    if spec.date_axis is None:
        checks.check_count(dataset, path, bands * spec.steps, spec.axes)
        axis = axis_of_time(dataset) if bands > 1 and spec.steps > 1 else None
        return FileSteps(_stacked(path, dataset, spec, axis, bands), tuple(range(spec.steps)))
    moments = moments_of(path, spec.date_axis)
    if not suits(len(moments), spec):
        found = f"{len(moments)} step(s) on its axis '{spec.date_axis}'"
        least = "" if spec.take_dates == "all" else "at least "
        remedy = "Correct 'steps', or let 'take_dates' choose where there are more."
        raise RasterError(path, found, f"{least}{spec.steps}, as 'steps' says", remedy)
    whole = spec.model_copy(update={"steps": len(moments)})
    checks.check_count(dataset, path, bands * len(moments), spec.axes)
    order = sorted(range(len(moments)), key=moments.__getitem__)
    days = [moments[position].date() for position in order]
    taken = taken_of(days, spec)
    if None in taken:
        found = f"no date on its axis '{spec.date_axis}' that is near enough to each day of 'nearest_to'"
        raise RasterError(path, found, f"{spec.steps} dates", "Raise 'within_days', or leave the scene out.")
    read = [index for index in taken if index is not None]
    whole = _stacked(path, dataset, whole, spec.date_axis, bands)
    return FileSteps(whole, tuple(order[index] for index in read), tuple(days[index] for index in read))


def _stacked(path: Path, dataset: DatasetReader, spec: RasterSpec, axis: str | None, bands: int) -> RasterSpec:
    """Return what a file holds, stacked as it says itself where it does.

    Raises:
        RasterError: Where it says another layout than is declared, or has other axes.
    """
    if spec.axes is not None:
        axis = "time" if "time" in spec.axes else None
    steps = None if axis is None else places_along(dataset, axis)
    if steps is None:
        _require_told(path, dataset, spec, bands)
        return spec
    layout = layout_of(steps[: bands * spec.steps], spec.steps)
    if layout is None:
        lengths = zip(axes_of_bands(dataset), lengths_of_bands(dataset), strict=True)
        found = "an array with " + " x ".join(f"{length} along '{name}'" for name, length in lengths)
        expected = f"{spec.steps} step(s) along '{axis}', and {bands} band(s)"
        raise RasterError(path, found, expected, "Correct 'axes', 'steps' or 'bands'.")
    if bands > 1 and spec.layout not in {None, layout}:
        found = f"an array whose axis '{axis}' is stacked as '{layout}'"
        raise RasterError(path, found, f"'layout: {spec.layout}', as 'sources' declares", f"Set 'layout: {layout}'.")
    return spec.model_copy(update={"layout": layout})


def _require_told(path: Path, dataset: DatasetReader, spec: RasterSpec, bands: int) -> None:
    """Refuse dates of an axis that the array does not have, and bands whose steps nothing tells apart."""
    if spec.date_axis is None or dataset.count == 1:
        return
    # A view says nothing of the axes that are not stated.
    if spec.axes is None and (others := axes_of_bands(dataset)):
        found, expected = f"an array whose bands lie along {others}", f"one with the axis '{spec.date_axis}'"
        raise RasterError(path, found, expected, "Correct 'date_axis', or 'variable' of its place.")
    if bands > 1 and spec.layout is None:
        found = f"{spec.steps} steps of {bands} bands, and nothing that says how they are stacked"
        raise RasterError(path, found, "an array of NetCDF or Zarr that tells", "Give each band an array of its own.")


def require_same_dates(steps: Mapping[Path, FileSteps]) -> tuple[date, ...] | None:
    """Return the dates that all files of bands say, if they do.

    Raises:
        RasterError: Where the file of one band says others than the first.
    """
    (first, found), *others = steps.items()
    for path, other in others:
        if other.dates != found.dates:
            said = [", ".join(map(str, dates.dates or ())) for dates in (other, found)]
            raise RasterError(
                path, f"the dates {said[0]}", f"those of {first}: {said[1]}", "Make the files of one set."
            )
    return found.dates

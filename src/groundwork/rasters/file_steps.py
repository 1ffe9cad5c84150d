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
from groundwork.rasters.choosing import dates_needed, filled, most_without, suits, taken_of
from groundwork.rasters.dates import read_any_dates
from groundwork.rasters.time_axis import moments_of
from groundwork.specs import NearestDates, RasterSpec


@dataclass(frozen=True, slots=True)
class FileSteps:
    """Steps of a file."""

    #: What the file holds with all its steps.
    whole: RasterSpec
    #: Positions of those that are read, from 0, in the order in which they are read. None: that step is filled.
    taken: tuple[int | None, ...]
    #: Their dates, where they are known here.
    dates: tuple[date, ...] | None = None

    @property
    def read(self) -> tuple[int, ...]:
        """Positions of the steps that are there."""
        return tuple(position for position in self.taken if position is not None)

    @property
    def places(self) -> tuple[int, ...] | None:
        """Which of the steps of the raster are there. None: all of them."""
        return None if None not in self.taken else tuple(at for at, step in enumerate(self.taken) if step is not None)

    def indexes(self, order: Sequence[str] | None = None, wanted: Sequence[str] | None = None) -> tuple[int, ...]:
        """Return 1-based band numbers to read, as of :meth:`RasterSpec.file_indexes`, of the steps that are read."""
        found = self.whole.file_indexes(order, wanted)
        size = len(found) // self.whole.steps
        return tuple(index for step in self.read for index in found[step * size : (step + 1) * size])


def steps_in(
    path: Path, dataset: DatasetReader, spec: RasterSpec, bands: int, told: Sequence[date] | None = None
) -> FileSteps:
    """Return the steps of a file.

    Args:
        path: Of the file.
        dataset: It, opened.
        spec: What it holds with the steps that are read.
        bands: How many of the bands it holds: all, or one.
        told: The dates of all its steps in their order, where they are said elsewhere than in it; heeded where it is
            by these that steps are chosen.

    Raises:
        RasterError: Where the file has other bands or steps than declared, or stacks them in another way than it is
            declared to.
    """
    if dataset.count == 0:
        # Which arrays there are is said, however steps are chosen.
        checks.check_count(dataset, path, bands * spec.steps, spec.axes)
    if spec.date_axis is not None:
        moments = moments_of(path, spec.date_axis)
        order = sorted(range(len(moments)), key=moments.__getitem__)
        said = _Said([moment.date() for moment in moments], order, f"on its axis '{spec.date_axis}'")
        return _chosen(path, dataset, spec, bands, said)
    if not spec.is_chosen_in_file:
        checks.check_count(dataset, path, bands * spec.steps, spec.axes)
        return FileSteps(_stacked(path, dataset, spec, bands), tuple(range(spec.steps)))
    if told is None and spec.date_tag is None:
        return _counted(path, dataset, spec, bands)
    days = read_any_dates(dataset, path, spec) if told is None else list(told)
    # All are read as they lie, and what is chosen by date is, the earliest first.
    order = sorted(range(len(days)), key=days.__getitem__) if spec.take_dates != "all" else list(range(len(days)))
    where = f"in tag '{spec.date_tag}'" if told is None else "by the dates that a table states of it"
    return _chosen(path, dataset, spec, bands, _Said(days, order, where))


@dataclass(frozen=True, slots=True)
class _Said:
    """The dates of all steps of a file."""

    days: Sequence[date]
    #: Positions of the steps in the order in which they are chosen from.
    order: Sequence[int]
    #: Where they stand, for messages.
    where: str


def _chosen(path: Path, dataset: DatasetReader, spec: RasterSpec, bands: int, said: _Said) -> FileSteps:
    """Return those steps that are read of a file whose dates are known."""
    count, days = len(said.days), [said.days[position] for position in said.order]
    if not suits(count, spec):
        remedy = (
            "Correct 'steps', let 'take_dates' choose where there are more, or let 'too_few_dates: fill' stand for "
            "what is missing."
        )
        raise RasterError(path, f"{count} step(s) {said.where}", f"{dates_needed(spec)}, as 'steps' says", remedy)
    _require_bands(path, dataset, spec, bands, said)
    whole = _stacked(path, dataset, spec.model_copy(update={"steps": count}), bands)
    taken = taken_of(days, spec)
    if taken.count(None) > (most := most_without(spec)):
        needed = "any" if most else "each"
        found = f"no date {said.where} that is near enough to {needed} day of 'nearest_to'"
        remedy = "Raise 'within_days', or leave the scene out."
        remedy += "" if most else " 'too_few_dates: fill' stands for single dates that are missing."
        raise RasterError(path, found, "one date" if most else f"{spec.steps} dates", remedy)
    positions = tuple(None if index is None else said.order[index] for index in taken)
    return FileSteps(whole, positions, filled(taken, days, spec))


def _require_bands(path: Path, dataset: DatasetReader, spec: RasterSpec, bands: int, said: _Said) -> None:
    """Refuse a file that has not all bands at each of its dates."""
    count = len(said.days)
    if spec.date_axis is None and dataset.count not in {bands * count, bands * count + checks.has_alpha(dataset)}:
        expected = f"{bands * count}: {bands} at each of {count} step(s) {said.where}"
        raise RasterError(path, f"{dataset.count} band(s)", expected, "Correct these dates, or 'bands'.")
    checks.check_count(dataset, path, bands * count, spec.axes)


def _counted(path: Path, dataset: DatasetReader, spec: RasterSpec, bands: int) -> FileSteps:
    """Return the steps of a file whose dates nobody says: as many as its bands are, and the last ones are filled."""
    if spec.take_dates != "all":
        rule = "nearest_to" if isinstance(spec.take_dates, NearestDates) else spec.take_dates
        found = f"no dates of its steps, of which 'take_dates: {rule}' chooses"
        raise RasterError(path, found, "the tag of 'date_tag', or dates in a table", "Leave the scene out otherwise.")
    # What the last band is, fewer dates leave open: that of one, or a mask beside the others.
    counts = [dataset.count, *([dataset.count - 1] if checks.has_alpha(dataset) else [])]
    possible = [count // bands for count in counts if count % bands == 0 and bands <= count <= bands * spec.steps]
    if len(possible) > 1:
        found = f"{dataset.count} band(s), the last of which GDAL calls an alpha band"
        remedy = "Say the dates by 'date_tag' or a table, or call the last band other than 'alpha' in the file."
        raise RasterError(path, found, "files that tell how many dates they hold", remedy)
    if not possible:
        each = f"{bands} for each of at most {spec.steps} dates, as 'sources' declares"
        raise RasterError(path, f"{dataset.count} band(s)", each, "List in 'bands' what the file holds at each date.")
    whole = _stacked(path, dataset, spec.model_copy(update={"steps": possible[0]}), bands)
    return FileSteps(whole, tuple(taken_of([date.min] * possible[0], spec)))


def _stacked(path: Path, dataset: DatasetReader, spec: RasterSpec, bands: int) -> RasterSpec:
    """Return what a file holds, stacked as it says itself where it does.

    Raises:
        RasterError: Where it says another layout than is declared, or has other axes.
    """
    axis = spec.date_axis or (axis_of_time(dataset) if bands > 1 and spec.steps > 1 else None)
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
    # One step is stacked in every way.
    if bands > 1 and spec.steps > 1 and spec.layout not in {None, layout}:
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


def require_same_dates(steps: Mapping[Path, FileSteps]) -> FileSteps:
    """Return the steps of the first file of a band, as all of them say the same dates.

    Raises:
        RasterError: Where the file of one band says others than the first, or holds another number of them.
    """
    (first, found), *others = steps.items()
    for path, other in others:
        if (other.dates, other.places) != (found.dates, found.places):
            there, expected = (
                ", ".join(map(str, one.dates or ())) or f"{len(one.read)} step(s)" for one in (other, found)
            )
            remedy = "Make the files of one set."
            raise RasterError(path, f"the dates {there}", f"those of {first}: {expected}", remedy)
    return found

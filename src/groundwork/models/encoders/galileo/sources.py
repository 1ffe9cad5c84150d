"""Which bands of which source make up Galileo's groups. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from groundwork.errors import SpecError
from groundwork.models.encoders.galileo.variants import MAX_STEPS, PIXEL_SIZE_M, STILL_GROUPS, TIMED_GROUPS
from groundwork.specs import RasterSpec
from groundwork.strict import did_you_mean


@dataclass(frozen=True, slots=True)
class Group:
    """The bands of one of Galileo's groups that there are, in Galileo's order."""

    name: str
    bands: tuple[str, ...]
    #: For each band: its source, and its channel there.
    places: tuple[tuple[str, int], ...]


def find_groups(inputs: Mapping[str, RasterSpec]) -> tuple[tuple[Group, ...], tuple[Group, ...]]:
    """Return the groups of bands that change with time, and of those that do not.

    Raises:
        SpecError: For bands that Galileo never saw or that come twice, and where nothing changes with time.
    """
    places: dict[str, tuple[str, int]] = {}
    known = [band for bands in (TIMED_GROUPS | STILL_GROUPS).values() for band in bands]
    for source, spec in inputs.items():
        for channel, band in enumerate(spec.used):
            if band.name not in known:
                raise SpecError(
                    f"'galileo' never saw the band '{band.name}' of source '{source}'.{did_you_mean(band.name, known)} "
                    f"It saw {known}. Leave others out of 'use' in data.sources"
                )
            if band.name in places:
                raise SpecError(
                    f"'galileo' takes each band once; '{band.name}' is in the sources '{places[band.name][0]}' and "
                    f"'{source}'. Leave it out of 'use' in one of them"
                )
            places[band.name] = (source, channel)
    timed, still = _collect(TIMED_GROUPS, places), _collect(STILL_GROUPS, places)
    if not timed:
        raise SpecError(f"'galileo' needs at least one band that changes with time, got {list(places)}")
    return timed, still


def require_common_steps(inputs: Mapping[str, RasterSpec], timed: tuple[Group, ...], still: tuple[Group, ...]) -> int:
    """Return the number of time steps.

    Raises:
        SpecError: For sources of different numbers of steps, more than Galileo counts, or terrain of several steps.
    """
    steps = {source: inputs[source].steps for group in timed for source, _ in group.places}
    if len(set(steps.values())) > 1:
        raise SpecError(f"'galileo' needs as many time steps of each source, got {steps}")
    count = next(iter(steps.values()))
    if count > MAX_STEPS:
        raise SpecError(f"'galileo' counts {MAX_STEPS} time steps, the rasters hold {count}")
    stacked = [source for group in still for source, _ in group.places if inputs[source].steps > 1]
    if stacked:
        raise SpecError(
            f"Terrain does not change with time for 'galileo', and source '{stacked[0]}' holds {count} steps of it. "
            "Give DEM and SLOPE as a source of their own, of one step"
        )
    return count


def require_common_pixel_size(inputs: Mapping[str, RasterSpec]) -> float:
    """Return the side of a pixel in metres; that of Sentinel-2 where no source states one.

    Raises:
        SpecError: For sources of different pixel sizes.
    """
    sizes = {spec.pixel_size_m for spec in inputs.values() if spec.pixel_size_m is not None}
    if len(sizes) > 1:
        raise SpecError(f"'galileo' needs pixels of one size in all sources, got {sorted(sizes)} m")
    return sizes.pop() if sizes else PIXEL_SIZE_M


def _collect(groups: Mapping[str, tuple[str, ...]], places: Mapping[str, tuple[str, int]]) -> tuple[Group, ...]:
    found = []
    for name, bands in groups.items():
        present = tuple(band for band in bands if band in places)
        if present:
            found.append(Group(name, present, tuple(places[band] for band in present)))
    return tuple(found)

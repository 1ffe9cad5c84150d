"""What the values of bands mean that answer a question each."""

from __future__ import annotations

from collections.abc import Mapping

from groundwork.rasters.grid import Grid
from groundwork.rasters.legend import LegendEntry
from groundwork.rasters.stream import RasterProfile
from groundwork.specs import TargetSpec
from groundwork.specs.class_sets import ClassSetSpec

#: What sets of classes are where the scene has no data.
NO_SET = 255
#: Colour of what is not of the class of a band.
NO = (240, 240, 240)


def legend_of(target: TargetSpec) -> tuple[LegendEntry, ...]:
    """Return what the values of classes mean."""
    return tuple(LegendEntry(entry.value, entry.name, entry.rgb) for entry in target.classes)


def yes_or_no(target: TargetSpec, no: str) -> tuple[tuple[LegendEntry, ...], ...]:
    """Return what 0 and 1 mean in the band of each class: what is said of 0, and the class."""
    return tuple((LegendEntry(0, no, NO), LegendEntry(1, entry.name, entry.rgb)) for entry in target.classes)


def profile_of_sets(grid: Grid, target: TargetSpec, sets: ClassSetSpec, tags: Mapping[str, str]) -> RasterProfile:
    """Return a raster that says of each class, in a band of its own, whether it is possible.

    Args:
        grid: Of the scene.
        target: With the classes.
        sets: From which probability on a class is possible.
        tags: What the raster says of its origin.
    """
    said, legends = {**tags, "SETS_MISS": f"{sets.miss:g}"}, yes_or_no(target, "not possible")
    return RasterProfile(grid, "uint8", target.names, NO_SET, "mode", tags=said, legends=legends)

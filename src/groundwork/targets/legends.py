"""What the values of bands mean that answer a question each."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

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


def class_nodata(target: TargetSpec) -> tuple[str, int]:
    """Return the data type of class rasters and a value that no class has."""
    taken = set(target.values)
    if min(taken) >= 0 and max(taken) <= 255:
        free = next((value for value in (255, 0, *range(254, 0, -1)) if value not in taken), None)
        if free is not None:
            return "uint8", free
    dtype = "int16" if min(taken) >= -(2**15) and max(taken) < 2**15 else "int32"
    # The highest: into overviews by mode, GDAL writes 0 in the place of a nodata value below 0.
    highest = int(np.iinfo(dtype).max)
    return dtype, next(value for value in range(highest, highest - len(taken) - 1, -1) if value not in taken)

"""A raster that does not exist yet: its profile, and the blocks it will be made of."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from groundwork.rasters.bad_blocks import BadFile
from groundwork.rasters.grid import Grid
from groundwork.rasters.legend import LegendEntry

if TYPE_CHECKING:
    # It loads geopandas.
    from groundwork.rasters.features import FeatureStream


@dataclass(frozen=True, slots=True)
class RasterProfile:
    """What a raster to be written holds."""

    grid: Grid
    dtype: str
    #: Name of each band.
    bands: tuple[str, ...]
    nodata: float | None
    #: Unit of each band; empty: none is stated.
    units: tuple[str, ...] = field(default=(), kw_only=True)
    #: Scale and offset of each band: number in its unit = pixel value * scale + offset. Empty: none are stated.
    scalings: tuple[tuple[float, float], ...] = field(default=(), kw_only=True)
    #: Side of the blocks that the file is made of, in pixels.
    block_size: int = field(default=512, kw_only=True)
    #: How values are thinned out for the overviews: "mode" for classes, "average" for measurements.
    overview: str = "average"
    #: Pixel value -> red, green, blue; for class rasters of type uint8.
    colors: Mapping[int, tuple[int, int, int]] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    #: What the values of the only band mean. Empty: they are numbers.
    legend: tuple[LegendEntry, ...] = field(default=(), kw_only=True)
    #: What the values of each of several bands mean. Empty: they are numbers.
    legends: tuple[tuple[LegendEntry, ...], ...] = field(default=(), kw_only=True)


@dataclass(frozen=True, slots=True)
class RasterStream:
    """Rasters on one grid that are made block by block, in one pass.

    The blocks cover each raster once. Who drains the stream writes each block and forgets it, so that memory does not
    grow with the raster.
    """

    #: Product name (such as "classes") -> what its raster holds.
    profiles: Mapping[str, RasterProfile]
    #: Window, and for each product its pixels (bands, height, width).
    blocks: Iterator[tuple[Window, Mapping[str, NDArray[np.generic]]]]
    #: What is found on the way, and is there when all blocks were taken.
    features: FeatureStream | None = None
    #: Gives the files that it was made of and of which blocks could not be decoded, when all blocks were taken.
    bad_files: Callable[[], tuple[BadFile, ...]] = tuple


def single(profile: RasterProfile, pixels: NDArray[np.generic], product: str = "") -> RasterStream:
    """Return a stream of one block that holds a whole raster (bands, height, width)."""
    window = Window(0, 0, profile.grid.width, profile.grid.height)
    return RasterStream({product: profile}, iter([(window, {product: pixels})]))

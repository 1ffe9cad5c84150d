"""Read a file although some of its blocks cannot be decoded: their pixels hold no data, all others what they hold."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import final

import numpy as np
import shapely
from numpy.typing import NDArray
from rasterio.windows import Window

from groundwork.errors import RasterError
from groundwork.rasters.addresses import Address
from groundwork.rasters.area import covered
from groundwork.rasters.bad_blocks import BadBlocks, as_block, merged, on_grid
from groundwork.rasters.grid import Grid
from groundwork.rasters.opening import grid_of, open_dataset, placed
from groundwork.rasters.part import Part, Rescue, warp
from groundwork.rasters.patched import open_patched
from groundwork.rasters.tiff_end import end_of_blocks
from groundwork.rasters.validity import masks_of
from groundwork.specs import RasterSpec

logger = logging.getLogger(__name__)


@final
class Filling(Rescue):
    """Reads a file once all of its blocks were tried, which is done where a first one fails.

    Args:
        part: The file as it lies.
        spec: What it holds.
        grid: What it is brought to. None: it is read as it lies.
        found: Is told what cannot be decoded.
        opened: Closes what is opened.
    """

    def __init__(self, part: Part, spec: RasterSpec, grid: Grid | None, found: BadBlocks, opened: ExitStack) -> None:
        self._part, self._spec, self._grid = part, spec, grid
        self._found, self._opened = found, opened

    def read(
        self, indexes: tuple[int, ...], window: Window, shape: tuple[int, ...]
    ) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
        """See :class:`groundwork.rasters.part.Rescue`."""
        patched, bad = self._patched
        values, unmasked = patched.read(indexes, window, shape)
        return values, unmasked & ~covered(bad, window, shape) if bad else unmasked

    @cached_property
    def _patched(self) -> tuple[Part, Sequence[shapely.Geometry]]:
        """The file without its bad blocks, and these in columns and rows of the grid that it is read on."""
        part, spec, dataset = self._part, self._spec, self._part.dataset
        blocks = find_bad_blocks(part)
        self._found.add(part.path, (dataset.height, dataset.width), blocks)
        windows = merged(as_block(window) for window in blocks)
        nodata = None if spec.nodata is None else float(spec.nodata)
        patched = open_patched(part.path, dataset, windows, nodata)
        # Entered, they would end GDAL's environment of the thread that closes them, which may be another one.
        self._opened.callback(patched.close)
        masks = masks_of(patched, part.indexes, part.declared)
        whole = replace(part, dataset=patched, masks=masks, rescue=None)
        own = placed(grid_of(dataset))
        if self._grid is None:
            return whole, on_grid(windows, own, own)
        brought = warp(whole, self._grid, spec, self._opened)
        return brought, on_grid(windows, own, self._grid)


def find_bad_blocks(part: Part) -> list[Window]:
    """Return the blocks of a file of which a band that is read, or a mask, cannot be decoded.

    Raises:
        RasterError: Where another cause than broken blocks is likely, or not one block can be decoded.
    """
    path = part.path
    remedy = "Fetch it again: only blocks of a whole, local GeoTIFF are filled."
    if isinstance(path, Address) or part.dataset.driver != "GTiff":
        where = "at an address" if isinstance(path, Address) else f"of the format {part.dataset.driver}"
        raise RasterError(path, f"pixels {where} that cannot be decoded", "a whole file", remedy)
    logger.info("%s: looking for blocks that cannot be decoded", path.name)
    # Opened anew, so that nothing is kept of what failed before.
    with open_dataset(path) as dataset:
        anew = replace(part, dataset=dataset, rescue=None)
        windows = [window for _, window in dataset.block_windows(part.indexes[0])]
        bad = [window for window in windows if not _decodes(anew, window)]
    if bad:
        for file in (path, path.with_name(path.name + ".msk")):
            if file.is_file():
                _require_whole(file, remedy)
    if len(bad) == len(windows):
        raise RasterError(path, f"{len(bad)} block(s), none of which can be decoded", "a whole file", remedy)
    return bad


def _require_whole(path: Path, remedy: str) -> None:
    end, size = end_of_blocks(path), path.stat().st_size
    if end is None or end > size:
        found = f"{size} bytes, which end too early" if end is None else f"{size} bytes, and blocks that end at {end}"
        raise RasterError(path, found, "a whole file", remedy)


def _decodes(part: Part, window: Window) -> bool:
    try:
        part.read(part.indexes, window, (int(window.height), int(window.width)))
    except RasterError:
        return False
    return True

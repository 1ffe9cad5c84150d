"""A file of a raster, and how it is brought to another grid."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import ExitStack
from dataclasses import dataclass
from math import hypot, isfinite
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import rasterio
import rasterio.shutil
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.enums import ColorInterp, Resampling
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader, MemoryFile
from rasterio.vrt import WarpedVRT
from rasterio.warp import transform as transform_points
from rasterio.windows import Window

from groundwork.errors import RasterError
from groundwork.rasters.beside import VRT
from groundwork.rasters.grid import Grid
from groundwork.rasters.opening import grid_of
from groundwork.rasters.validity import is_nodata, masks_of, read_masks
from groundwork.rasters.windows import describe_window
from groundwork.specs import RasterSpec

#: Ways of resampling that mix values of neighbouring pixels although some of them hold no data beneath a mask.
_MIXING = ("bilinear", "cubic", "average")
#: Ways by which a place holds data where the pixel does that it lies in; an average is of all pixels that meet it.
_BY_CENTER = ("bilinear", "cubic")


class Rescue(ABC):
    """Reads a file of which something cannot be decoded."""

    @abstractmethod
    def read(
        self, indexes: tuple[int, ...], window: Window, shape: tuple[int, ...]
    ) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
        """Read as :meth:`Part.read` does; what cannot be decoded is not let through.

        Raises:
            RasterError: Where the file is to be refused nevertheless.
        """


@dataclass(frozen=True, slots=True)
class Part:
    """A file that is read, with some of its bands."""

    path: Path
    dataset: DatasetReader
    #: Numbers of the bands that are read.
    indexes: tuple[int, ...]
    #: What :func:`groundwork.rasters.validity.masks_of` says of the file.
    masks: tuple[tuple[int, ...], int | None]
    #: How many bands the file has by its spec.
    declared: int = 1
    #: The file itself, where this one mixes neighbours and leaves out by a mask alone.
    mixed: Part | None = None
    #: What is asked where something cannot be decoded. None: that is refused.
    rescue: Rescue | None = None
    #: The same on the same grid by nearest pixels alone, and their nodata: a place that lies in a pixel without data
    #: holds none, however its neighbours are mixed. None: that is seen to.
    nearest: tuple[DatasetReader, float] | None = None

    def read(
        self, indexes: tuple[int, ...], window: Window, shape: tuple[int, ...]
    ) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
        """Read bands of a window in a height and width of choice, and where the file's masks let them through.

        Raises:
            RasterError: Where the file cannot be decoded.
        """
        try:
            values = self.dataset.read(indexes, window=window, out_shape=(len(indexes), *shape))
            if self.nearest is not None:
                pixels = self.nearest[0].read(indexes, window=window, out_shape=values.shape)
                values = np.where(is_nodata(pixels, self.nearest[1]), pixels, values)
            return values, read_masks(self.dataset, self.masks, window, shape)
        except RasterioError as error:
            if self.rescue is not None:
                return self.rescue.read(indexes, window, shape)
            found = f"pixels that cannot be decoded in {describe_window(window)} ({error.__cause__ or error})"
            remedy = "Put the files that it names where it looks for them." if self.path.suffix == VRT else ""
            raise RasterError(self.path, found, "a whole file", remedy or "Fetch it again.") from error


def warp(part: Part, grid: Grid, spec: RasterSpec, opened: ExitStack) -> Part:
    """Return a file as it lies on another grid.

    GDAL leaves out what is not valid when it resamples, by mask or by value. It can hand on a mask of the file, and
    what lies beyond its edge where no value says so, only as an alpha band. What a pixel becomes must not depend on the
    window that is read: so nothing is approximated over it, and how much is reduced is not estimated from it.

    Nor must a band depend on the others. By itself, GDAL leaves out only what holds nodata in all bands, and mixes the
    nodata of one band into its values. Told to look at each band, it fills pixels without data from their neighbours,
    as it does not in a file of one band: nearest pixels say where these are.

    Args:
        part: The file.
        grid: Where its pixels are wanted.
        spec: Says how it is resampled.
        opened: Closes what is opened.
    """
    masked, alpha = part.masks
    is_masked = bool(masked) or alpha is not None
    nodata = None if is_masked or spec.nodata is None else float(spec.nodata)
    warped = _warped(part, grid, spec.resampling or "nearest", nodata)
    opened.callback(warped.close)
    nearest = None
    if nodata is not None and spec.resampling in _BY_CENTER and part.dataset.count > 1:
        nearest = _warped(part, grid, "nearest", nodata), nodata
        opened.callback(nearest[0].close)
    may_mix = is_masked and spec.nodata is not None and spec.resampling in _MIXING
    masks = masks_of(warped, part.indexes, part.declared)
    mixed = part if may_mix else None
    return Part(part.path, warped, part.indexes, masks, part.declared, mixed, nearest=nearest)


def _warped(part: Part, grid: Grid, resampling: str, nodata: float | None) -> WarpedVRT:
    source, source_crs, alpha = part.dataset, grid_of(part.dataset).reached_from(grid), part.masks[1]
    if alpha is None and ColorInterp.alpha in source.colorinterp:
        source = _without_alpha(source)
    return WarpedVRT(
        source,
        src_crs=source_crs,
        src_nodata=nodata,
        nodata=nodata,
        add_alpha=alpha is None and nodata is None,
        crs=grid.crs,
        transform=grid.transform,
        width=grid.width,
        height=grid.height,
        resampling=Resampling[resampling],
        # rasterio cannot build a transformation of tolerance 0.
        tolerance=1e-9,
        # rasterio would make wider numbers of int8.
        dtype=part.dataset.dtypes[next(iter(part.indexes), 1) - 1],
        UNIFIED_SRC_NODATA="NO",
        **scales_of(part.dataset, source_crs, grid),
    )


def _without_alpha(dataset: DatasetReader) -> DatasetReader:
    """Return a file of whose bands none is an alpha band, as all of them are declared.

    GDAL takes the fourth of four 8-bit bands for one, whatever it holds, and would leave out where it is 0.
    """
    with MemoryFile(ext=".vrt") as memory:
        rasterio.shutil.copy(dataset, memory.name, driver="VRT")
        root = ET.fromstring(memory.read())
    for band in root.iter("VRTRasterBand"):
        for said in band.findall("ColorInterp"):
            band.remove(said)
    return rasterio.open(ET.tostring(root, encoding="unicode"))


def scales_of(dataset: DatasetReader, crs: CRS | None, grid: Grid) -> dict[str, str]:
    """Return how many pixels of a grid lie along one of a file, at most 1, as GDAL's options XSCALE and YSCALE.

    By itself GDAL estimates it from the window that is read, and what a pixel becomes would depend on that.
    """
    column, row = grid.width / 2, grid.height / 2
    places = [grid.transform @ place for place in ((column, row), (column + 1, row), (column, row + 1))]
    xs, ys = [x for x, _ in places], [y for _, y in places]
    if crs != grid.crs:
        xs, ys = transform_points(grid.crs, crs, xs, ys)[:2]
    center, right, below = (~dataset.transform @ place for place in zip(xs, ys, strict=True))
    across = [hypot(to[0] - center[0], to[1] - center[1]) for to in (right, below)]
    scales = [min(1.0, 1 / length) if isfinite(length) and length > 0 else 1.0 for length in across]
    return {"XSCALE": f"{scales[0]:.12g}", "YSCALE": f"{scales[1]:.12g}"}

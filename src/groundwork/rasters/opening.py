"""Open a file as a raster, and say where its pixels lie."""

from __future__ import annotations

import os
from pathlib import Path

import rasterio
from affine import Affine
from rasterio.env import Env, hasenv
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader

from groundwork.errors import RasterError
from groundwork.rasters.addresses import Address, array_at, is_folder_raster
from groundwork.rasters.array_names import the_array
from groundwork.rasters.array_views import as_it_lies
from groundwork.rasters.grid import Grid, name_crs
from groundwork.rasters.stores import settle_endpoint

#: Ending of a mask that lies beside a raster, behind that of the raster.
MASK = ".msk"
#: GDAL's drivers, and endings, of files whose coordinates say where pixels lie, and often not in which CRS.
_OF_ARRAYS = ({"NETCDF", "ZARR"}, {".nc", ".nc4", ".zarr"})
_OF_CRS = (
    " If coordinates say where pixels lie, write their CRS: of latitudes and longitudes by xarray's "
    "data.rio.write_crs('EPSG:4326')."
)
_OF_PLACES = (
    " Coordinates that say it are called x and y, lat and lon, or latitude and longitude; they are even, and in the "
    "unit of the CRS."
)
_OF_ZARR = (
    f" GDAL {rasterio.__gdal_version__} reads Zarr's third format in part: write such a store by xarray's "
    "to_zarr(..., zarr_format=2)."
)
#: Some of the variables that say who reads from S3.
_SAYS = ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_NO_SIGN_REQUEST")


def open_dataset(path: Path) -> DatasetReader:
    """Open a file as a raster. See :func:`as_it_lies` for variables of NetCDF.

    Raises:
        RasterError: Where it is missing, empty, cannot be read or is no raster, or its name means several arrays, and
            where that holds of a mask beside it, which GDAL would pass over.
        PairingError: Where it lies in a store of which two servers are stated.
    """
    if isinstance(path, Address):
        settle_endpoint()
    try:
        place = the_array(path) if isinstance(path, Address) else path
        dataset = rasterio.open(str(place)) if isinstance(path, Address) else _open_file(path)
    except RasterioError as error:
        raise RasterError(path, *_describe(path, str(error))) from None
    return as_it_lies(place, dataset)


def _open_file(path: Path) -> DatasetReader:
    """Open a file of this machine as ``rasterio.open`` does, which sets up GDAL's environment each time.

    That takes as long as opening a small file: here it is set up when a thread opens its first, for good.
    """
    if not hasenv():
        Env.from_defaults().__enter__()
    dataset = DatasetReader(os.fspath(path))
    if (mask := path.with_name(path.name + MASK)).is_file():
        try:
            DatasetReader(os.fspath(mask)).close()
        except RasterioError:
            dataset.close()
            found = f"a mask beside it that does not open ({mask.name}, {mask.stat().st_size} bytes)"
            remedy = "Fetch the mask again, or remove it, if all pixels of the raster hold data."
            raise RasterError(path, found, "one that says where the raster holds data", remedy) from None
    return dataset


def _describe(path: Path, reason: str) -> tuple[str, str, str]:
    """Return what was found in place of a raster, what was expected, and what to change."""
    if isinstance(path, Address):
        remedy = "Correct the address, or check network, permission and what is called so there."
        if str(path).startswith("ZARR:"):
            remedy += _OF_ZARR
        if "/vsis3/" in str(path):
            remedy += f" Permission is stated by the environment ({', '.join(_SAYS)}) or by 'credentials' of the entry."
        return f"nothing that opens ({reason})", "a raster at this address", remedy
    if is_folder_raster(path):
        return "a store of Zarr", f"one that opens ({reason})", f"Fetch it again.{_OF_ZARR}"
    if path.is_dir():
        return "a folder", "a raster", "Remove or rename it, or correct the pattern."
    if not path.exists():
        return "no such file", "a raster", ""
    try:
        with path.open("rb") as file:
            start = file.read(12)
    except OSError as error:
        return f"a file that cannot be read ({error.strerror})", "a raster", "Give yourself permission to read it."
    size = path.stat().st_size
    found = "an empty file" if size == 0 else f"{size} bytes that begin with {start!r}"
    return found, f"a raster ({reason})", "Fetch the file again, or remove it."


def grid_of(dataset: DatasetReader) -> Grid:
    """Return the grid as the file states it."""
    return Grid(dataset.crs, dataset.transform, dataset.width, dataset.height)


def placed(grid: Grid) -> Grid:
    """Return the grid, without its CRS where it has no geotransform: that says nothing of where the pixels lie."""
    return Grid(None, grid.transform, grid.width, grid.height) if grid.transform == Affine.identity() else grid


def require_place(path: Path, dataset: DatasetReader) -> None:
    """Refuse a file without a CRS or a geotransform.

    Raises:
        RasterError: With what is missing, and what to change.
    """
    crs, has_place = dataset.crs, dataset.transform != Affine.identity()
    if crs is not None and has_place:
        return
    found = f"CRS {name_crs(crs)} and {'a' if has_place else 'no'} geotransform"
    if dataset.gcps[0] or dataset.rpcs:
        found += " (only ground control points or RPCs: warp the file to a grid first, with gdalwarp)"
    remedy = "Set 'georeference: absent' if the files have none."
    if _has_coordinates(path):
        remedy += _OF_CRS if crs is None else _OF_PLACES
    raise RasterError(path, found, "a CRS and a geotransform", remedy)


def _has_coordinates(path: Path) -> bool:
    """Whether a file is of a kind in which arrays of coordinates lie beside the pixels."""
    drivers, endings = _OF_ARRAYS
    named = array_at(path)
    return path.suffix.lower() in endings if named is None else named[0] in drivers

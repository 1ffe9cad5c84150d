"""An array as a raster whose bands and axes are chosen, by GDAL's VRT: its windows are read as any other's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import rasterio
from affine import Affine
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader

from groundwork.errors import RasterError
from groundwork.rasters.addresses import Address, array_at, name_inside
from groundwork.rasters.array_places import require_as_said, transform_of
from groundwork.rasters.array_vrt import add_array, add_tags
from groundwork.rasters.band_axes import axes_of_bands, lengths_of_bands, without_axes
from groundwork.rasters.vrt_types import TYPES, nodata_text

#: GDAL reads arrays as bands of a VRT from here on (https://github.com/OSGeo/gdal/pull/8534).
FROM_GDAL = (3, 9)
#: What GDAL heeds where it reads a variable of NetCDF itself, and not where a VRT does.
_NOT_HANDED_ON = ("_Unsigned", "valid_range", "valid_min", "valid_max")


@dataclass(frozen=True, slots=True)
class ArrayView:
    """Which parts of an array are bands."""

    height: int
    width: int
    #: Of each band the indexes along all axes, as numpy has them, such as ``0,:,:``.
    bands: Sequence[str]
    #: Tags that say along which axes the bands lie. None: they are those that GDAL makes of it, and its tags say it.
    axes: Mapping[str, str] | None = None
    #: Whether columns lie before rows.
    is_turned: bool = False


def open_view(path: Path, plain: DatasetReader, view: ArrayView) -> DatasetReader:
    """Open an array by a view of it, with what GDAL says of it, and the place that its coordinates say.

    Args:
        path: The array, or a file of NetCDF that holds no other.
        plain: It, opened.
        view: Which parts of it are bands.

    Raises:
        RasterError: Where it cannot be read so.
    """
    kind, file, name = _array_of(path, plain)
    dtype = plain.dtypes[0]
    if dtype not in TYPES:
        raise RasterError(path, f"data type {dtype}", f"one of {list(TYPES)}", "Convert the file.")
    root = ET.Element("VRTDataset", rasterXSize=str(view.width), rasterYSize=str(view.height))
    _add_place(root, Address(name_inside(file, name, kind)), plain, view)
    add_tags(root, plain.tags() if view.axes is None else {**without_axes(plain.tags()), **view.axes})
    for number, expression in enumerate(view.bands, start=1):
        band = ET.SubElement(root, "VRTRasterBand", dataType=TYPES[dtype], band=str(number))
        if plain.nodata is not None:
            ET.SubElement(band, "NoDataValue").text = nodata_text(plain.nodata, dtype)
        for word, value in (("Offset", plain.offsets[0]), ("Scale", plain.scales[0])):
            ET.SubElement(band, word).text = repr(float(value))
        if view.axes is None:
            add_tags(band, plain.tags(number))
        add_array(band, file, name, expression, is_turned=view.is_turned)
    try:
        return rasterio.open(ET.tostring(root, encoding="unicode"))
    except RasterioError as error:
        found = f"an array that cannot be read along the axes that are stated ({error})"
        raise RasterError(path, found, f"one with the bands {list(view.bands)[:4]}", "Correct 'axes'.") from None


def as_it_lies(path: Path, plain: DatasetReader) -> DatasetReader:
    """Return a variable of NetCDF with its rows in the order in which they lie, and the place that coordinates say.

    GDAL takes x and y for coordinates where their attributes say so, as by ``standard_name``, which xarray does not
    write by itself. Of others it knows no place, and takes the last row for the first.

    Args:
        path: The variable, or a file that holds no other.
        plain: It, opened; it is closed where another one is returned.

    Raises:
        RasterError: Where it cannot be read so.
    """
    if plain.driver != "netCDF" or plain.count == 0:
        return plain
    if plain.transform != Affine.identity():
        if _gdal() >= FROM_GDAL and (named := _named(path, plain)) is not None:
            kind, file, name = named
            require_as_said(path, Address(name_inside(file, name, kind)), plain)
        return plain
    with plain:
        said = [word for word in _NOT_HANDED_ON if word in plain.tags(1)]
        if said or _gdal() < FROM_GDAL:
            found = f"a variable of NetCDF with {said[0]}" if said else f"GDAL {rasterio.__gdal_version__}"
            remedy = "Write coordinates with attributes, as rioxarray does by 'rio.write_coordinate_system()'."
            raise RasterError(path, f"{found}, and nothing that says which way its rows run", "x and y of CF", remedy)
        names, lengths = axes_of_bands(plain), lengths_of_bands(plain)
        if prod(lengths) != plain.count:
            found = f"{plain.count} bands along {names}, without coordinates for these"
            raise RasterError(path, found, "coordinates of all axes but one", "Write them into the file.")
        places = [",".join(map(str, place)) for place in np.ndindex(*lengths)]
        bands = [f"{place},:,:" if place else ":,:" for place in places]
        return open_view(path, plain, ArrayView(plain.height, plain.width, bands))


def _add_place(root: ET.Element, path: Path, plain: DatasetReader, view: ArrayView) -> None:
    """Say where pixels lie, where a CRS is known: of another one, coordinates say nothing."""
    if plain.crs is None:
        return
    ET.SubElement(root, "SRS").text = plain.crs.to_wkt()
    transform = transform_of(path, plain.crs, view.height, view.width)
    if transform is not None:
        ET.SubElement(root, "GeoTransform").text = ", ".join(repr(float(part)) for part in transform.to_gdal())


def _gdal() -> tuple[int, ...]:
    return tuple(int(part) for part in rasterio.__gdal_version__.split(".")[:2])


def _array_of(path: Path, plain: DatasetReader) -> tuple[str, str, str]:
    """Return GDAL's driver, the file and the whole name of an array, as of :func:`array_at`."""
    if _gdal() < FROM_GDAL:
        found = f"GDAL {rasterio.__gdal_version__}, which knows one order of axes"
        raise RasterError(path, found, "GDAL 3.9 or later, as 'axes' is stated", "Install a newer rasterio.")
    named = _named(path, plain)
    if named is None:
        expected = "an array in NetCDF, HDF5 or Zarr, as 'axes' is stated"
        raise RasterError(path, "no array that is named", expected, "Name it as 'variable' of its place.")
    return named


def _named(path: Path, plain: DatasetReader) -> tuple[str, str, str] | None:
    """Return what :func:`_array_of` does; None where nothing says which array it is."""
    if named := array_at(path):
        return named
    variable = plain.tags(1).get("NETCDF_VARNAME")
    if variable is None:
        return None
    # Tags of the file are called after the whole name of what they are of.
    names = (tag.partition("#")[0] for tag in plain.tags())
    whole = next((name for name in names if name.endswith(f"/{variable}")), variable)
    return "NETCDF", str(path), f"/{whole.lstrip('/')}"

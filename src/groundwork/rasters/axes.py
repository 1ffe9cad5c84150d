"""Read an array whose axes are not band, y, x: a view of it as a raster, of which windows are read as of any other."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from xml.etree import ElementTree as ET

import rasterio
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader

from groundwork.errors import RasterError
from groundwork.rasters.addresses import Address, array_at
from groundwork.rasters.opening import open_dataset
from groundwork.rasters.vrt import TYPES
from groundwork.specs import Axes

#: GDAL reads arrays as bands of a VRT from here on (https://github.com/OSGeo/gdal/pull/8534).
FROM_GDAL = (3, 9)
_USUAL = ("band", "y", "x")


def open_along(path: Path, axes: Axes | None) -> DatasetReader:
    """Open a file as a raster.

    Args:
        path: The file, or an array in one.
        axes: The axes of the array, the outermost first. None: GDAL's own order, which is band, y, x.

    Raises:
        RasterError: Where it cannot be opened, or is no array with these axes.
    """
    plain = open_dataset(path)
    if axes is None:
        return plain
    with closing(plain):
        root = _view(path, plain, axes)
    try:
        return rasterio.open(ET.tostring(root, encoding="unicode"))
    except RasterioError as error:
        found = f"an array that cannot be read along {list(axes)} ({error})"
        raise RasterError(path, found, f"one of {len(axes)} axes", "Correct 'axes'.") from None


def _view(path: Path, plain: DatasetReader, axes: Axes) -> ET.Element:
    """Return an array as a VRT, with what GDAL says of it."""
    file, name = _require_array(path, plain)
    lengths, dtype = _lengths(path, plain, axes), plain.dtypes[0]
    if dtype not in TYPES:
        raise RasterError(path, f"data type {dtype}", f"one of {list(TYPES)}", "Convert the file.")
    root = ET.Element("VRTDataset", rasterXSize=str(lengths["x"]), rasterYSize=str(lengths["y"]))
    said = ET.SubElement(root, "Metadata")
    for tag, text in plain.tags().items():
        ET.SubElement(said, "MDI", key=tag).text = text
    for number in range(lengths.get("band", 1)):
        band = ET.SubElement(root, "VRTRasterBand", dataType=TYPES[dtype], band=str(number + 1))
        if plain.nodata is not None:
            ET.SubElement(band, "NoDataValue").text = repr(float(plain.nodata))
        for word, value in (("Offset", plain.offsets[0]), ("Scale", plain.scales[0])):
            ET.SubElement(band, word).text = repr(float(value))
        _add_array(band, file, name, axes, number)
    return root


def _require_array(path: Path, plain: DatasetReader) -> tuple[str, str]:
    """Return the file of an array, and its whole name in it, as it was opened."""
    version = tuple(int(part) for part in rasterio.__gdal_version__.split(".")[:2])
    if version < FROM_GDAL:
        found = f"GDAL {rasterio.__gdal_version__}, which knows one order of axes"
        raise RasterError(path, found, "GDAL 3.9 or later, as 'axes' is stated", "Install a newer rasterio.")
    named = array_at(Address(plain.name))
    if named is None:
        expected = "an array in HDF5 or Zarr, as 'axes' is stated"
        raise RasterError(path, "no array that is named", expected, "Name it as 'variable' of its place.")
    driver, file, name = named
    if driver == "NETCDF":
        # GDAL turns rows of NetCDF upside down where nothing says where they lie, but not those of a view of it.
        remedy = "Leave 'axes' out where dimensions are called y and x, or give images and labels the ending .h5."
        raise RasterError(path, "a variable that is read as NetCDF", "an array in HDF5 or Zarr", remedy)
    return file, name


def _lengths(path: Path, plain: DatasetReader, axes: Axes) -> Mapping[str, int]:
    """Return how long each axis is. GDAL takes the last for x, the one before for y, and all others for bands."""
    found = (plain.count, plain.height, plain.width)[-len(axes) :]
    if len(axes) < len(_USUAL) and plain.count > 1:
        shape = " x ".join(map(str, (plain.count, plain.height, plain.width)))
        raise RasterError(path, f"an array of {shape}", f"one of two axes, {list(axes)}", "Name all in 'axes'.")
    return dict(zip(axes, found, strict=True))


def _add_array(band: ET.Element, file: str, name: str, axes: Axes, number: int) -> None:
    """Say which part of the array a band is."""
    derived = ET.SubElement(ET.SubElement(band, "ArraySource"), "DerivedArray")
    source = ET.SubElement(derived, "SingleSourceArray")
    ET.SubElement(source, "SourceFilename", relativeToVRT="0").text = file
    ET.SubElement(source, "SourceArray").text = name
    if "band" in axes:
        part = ",".join(str(number) if axis == "band" else ":" for axis in axes)
        ET.SubElement(ET.SubElement(derived, "Step"), "View", expr=f"[{part}]")
    if axes.index("x") < axes.index("y"):
        ET.SubElement(ET.SubElement(derived, "Step"), "Transpose", newOrder="1,0")

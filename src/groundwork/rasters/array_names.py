"""Names of arrays that differ from file to file in a part, such as a date: ``*`` stands for it."""

from __future__ import annotations

import re

import rasterio

from groundwork.errors import RasterError
from groundwork.rasters.addresses import Address, array_at

_ANY = "*"
#: What stands before the name of an array -> GDAL's driver, which lists the arrays of a file.
_DRIVERS = {"NETCDF": "netCDF", "HDF5": "HDF5", "ZARR": "Zarr"}
#: Names that a message lists.
_MOST = 20


def the_array(address: Address) -> Address:
    """Return the array that is meant, where its name has a ``*`` for anything but a ``/``; else the address itself.

    Raises:
        RasterError: Where no array of the file is called so, or several are.
        rasterio.errors.RasterioError: Where the file cannot be opened.
    """
    named = array_at(address)
    if named is None or _ANY not in named[2]:
        return address
    kind, file, name = named
    with rasterio.open(file, driver=_DRIVERS.get(kind)) as holder:
        # GDAL says where the file lies before the name, with quotes or without.
        arrays = [text.replace('"', "").partition(f"{file}:")[2].lstrip("/") for text in holder.subdatasets]
    wanted = name.lstrip("/")
    expression = re.compile(re.escape(wanted).replace(re.escape(_ANY), "[^/]*"))
    matching = sorted(array for array in arrays if expression.fullmatch(array))
    if len(matching) != 1:
        found = f"the arrays {matching[:_MOST]}" if matching else f"none among the arrays {sorted(arrays)[:_MOST]}"
        remedy = (
            "Write more of its name as 'variable' of its place." if matching else "Correct 'variable' of its place."
        )
        raise RasterError(file, found, f"one array that is called '{wanted}'", remedy)
    return Address(str(address).removesuffix(wanted) + matching[0])

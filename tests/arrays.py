"""Write arrays: into HDF5, one by GDAL's driver of NetCDF, as a NetCDF-4 file is one of HDF5, several byte by byte.

Into NetCDF and Zarr as xarray does, with arrays of coordinates, and names of dimensions.
"""

from __future__ import annotations

import json
import struct
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import rasterio.shutil
from rasterio.crs import CRS
from rasterio.errors import NotGeoreferencedWarning
from scipy.io import netcdf_file

#: An address that points nowhere.
_NOWHERE = 2**64 - 1
#: Half of the entries that a node holds.
_HALF = 16
_SUPERBLOCK = 96


@dataclass
class Array:
    """An array with names of its dimensions."""

    dimensions: Sequence[str]
    values: np.ndarray
    attributes: dict[str, Any] = field(default_factory=dict)


def cube_of(variables: Mapping[str, Array], days: Sequence[float] = (), *, ascending: bool = False) -> dict[str, Array]:
    """Return variables with coordinates x, y and time, as xarray writes them after ``rio.write_crs``.

    Pixels of 10 m in UTM 32, the north-west corner at (500000, 5000000).
    """
    sizes = {
        name: size
        for found in variables.values()
        for name, size in zip(found.dimensions, found.values.shape, strict=True)
    }
    y = 5_000_000 - 5 - 10.0 * np.arange(sizes["y"])
    units = {"units": "days since 2024-01-01", "calendar": "proleptic_gregorian"}
    return {
        **{
            name: Array(found.dimensions, found.values, {"grid_mapping": "spatial_ref", **found.attributes})
            for name, found in variables.items()
        },
        "x": Array(["x"], 500_005 + 10.0 * np.arange(sizes["x"])),
        "y": Array(["y"], y[::-1] if ascending else y),
        "spatial_ref": Array([], np.array(0, np.int32), {"crs_wkt": CRS.from_epsg(32632).to_wkt()}),
        **({"time": Array(["time"], np.asarray(days, np.float64), units)} if len(days) else {}),
    }


def write_netcdf(path: Path, arrays: Mapping[str, Array]) -> Path:
    """Write arrays with scipy, which knows nothing of rasters."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with netcdf_file(path, "w") as file:
        for name, array in arrays.items():
            for dimension, size in zip(array.dimensions, array.values.shape, strict=True):
                if dimension not in file.dimensions:
                    file.createDimension(dimension, size)
            made = file.createVariable(name, array.values.dtype, tuple(array.dimensions))
            made[...] = array.values
            if array.values.ndim > 1:
                # Otherwise NetCDF has a number of its own for "nothing was written".
                made._FillValue = array.values.dtype.type(-9999)
            for attribute, value in array.attributes.items():
                setattr(made, attribute, value)
    return path


def write_zarr(path: Path, arrays: Mapping[str, Array]) -> Path:
    """Write arrays as a store of Zarr's second format, each as one chunk that is not compressed."""
    path.mkdir(parents=True)
    (path / ".zgroup").write_text(json.dumps({"zarr_format": 2}))
    for name, array in arrays.items():
        folder, values = path / name, np.ascontiguousarray(array.values)
        folder.mkdir()
        said = {
            "shape": values.shape,
            "chunks": values.shape,
            "dtype": values.dtype.str,
            "order": "C",
            "zarr_format": 2,
        }
        attributes = {"_ARRAY_DIMENSIONS": list(array.dimensions), **array.attributes}
        (folder / ".zarray").write_text(json.dumps({**said, "compressor": None, "fill_value": None, "filters": None}))
        (folder / ".zattrs").write_text(json.dumps(attributes))
        (folder / (".".join("0" for _ in values.shape) or "0")).write_bytes(values.tobytes())
    return path


def write_hdf5(path: Path, name: str, values: np.ndarray, nodata: float = -9999) -> Path:
    """Write one array of two or three axes under a name, as it lies in memory; ``nodata`` is its fill value."""
    planes = values if values.ndim == 3 else values[None]
    count, height, width = planes.shape
    path.parent.mkdir(parents=True, exist_ok=True)
    raster, made = path.with_suffix(".tif"), path.with_suffix(".nc")
    profile = {"count": count, "height": height, "width": width, "dtype": values.dtype, "nodata": nodata}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(raster, "w", driver="GTiff", **profile) as dataset:
            dataset.write(planes)
            for index in range(count):
                dataset.update_tags(index + 1, NETCDF_VARNAME=name, **_place(index, values.ndim))
            if values.ndim == 3:
                places = ",".join(map(str, range(count)))
                axis = {"NETCDF_DIM_first_DEF": f"{{{count},6}}", "NETCDF_DIM_first_VALUES": f"{{{places}}}"}
                dataset.update_tags(NETCDF_DIM_EXTRA="{first}", **axis)
        rasterio.shutil.copy(raster, made, driver="netCDF", FORMAT="NC4", WRITE_BOTTOMUP="NO")
    raster.unlink()
    return made.rename(path)


def _place(index: int, axes: int) -> dict[str, str]:
    return {"NETCDF_DIM_first": str(index)} if axes == 3 else {}


def write_hdf5_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> Path:
    """Write several arrays into one file, each under its name and with its data type, as h5py lays them down.

    After the HDF5 file format specification, with the superblock of version 0
    (https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html).
    """
    names = sorted(arrays)
    header = _header([(0x11, struct.pack("<QQ", *_group_addresses()))])
    heap = bytearray(8)
    offsets = []
    for name in names:
        offsets.append(len(heap))
        heap += (name.encode() + b"\0").ljust(-(-(len(name) + 1) // 8) * 8, b"\0")
    tree, local, node = _group_addresses()[0], _group_addresses()[1], _group_addresses()[1] + 32
    start = node + 8 + 2 * _HALF * 40
    parts = [bytes(heap)]
    place = start + len(heap)
    entries = b""
    for name, offset in zip(names, offsets, strict=True):
        values = np.ascontiguousarray(arrays[name])
        entries += struct.pack("<QQIIQQ", offset, place, 0, 0, 0, 0)
        length = len(_of_array(values, 0))
        parts += [_of_array(values, place + length), values.tobytes().ljust(-(-values.nbytes // 8) * 8, b"\0")]
        place += sum(map(len, parts[-2:]))
    keys = struct.pack("<QQQ", 0, node, offsets[-1]).ljust((4 * _HALF + 1) * 8, b"\0")
    whole = [
        b"\x89HDF\r\n\x1a\n" + struct.pack("<8BHHI", 0, 0, 0, 0, 0, 8, 8, 0, _HALF, _HALF, 0),
        struct.pack("<QQQQ", 0, _NOWHERE, place, _NOWHERE),
        struct.pack("<QQIIQQ", 0, _SUPERBLOCK, 1, 0, tree, local),
        header,
        b"TREE" + struct.pack("<BBHQQ", 0, 0, 1, _NOWHERE, _NOWHERE) + keys,
        b"HEAP" + struct.pack("<IQQQ", 0, len(heap), 1, start),
        b"SNOD" + struct.pack("<BBH", 1, 0, len(names)) + entries.ljust(2 * _HALF * 40, b"\0"),
        *parts,
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(whole))
    return path


def _group_addresses() -> tuple[int, int]:
    """Return where the tree of names and the names themselves lie."""
    tree = _SUPERBLOCK + len(_header([(0x11, bytes(16))]))
    return tree, tree + 24 + (4 * _HALF + 1) * 8


def _of_array(values: np.ndarray, place: int) -> bytes:
    """Return the header of an array whose values lie at a place."""
    space = struct.pack("<BBBxI", 1, values.ndim, 0, 0) + struct.pack(f"<{values.ndim}Q", *values.shape)
    size = values.dtype.itemsize
    if values.dtype.kind == "f":
        mantissa, exponent = (23, 8) if size == 4 else (52, 11)
        how = (8 * size, mantissa, exponent, 0, mantissa, 2 ** (exponent - 1) - 1)
        kind = struct.pack("<4BIHHBBBBI", 0x11, 0x20, 8 * size - 1, 0, size, 0, *how)
    else:
        kind = struct.pack("<4BIHH", 0x10, 8 * (values.dtype.kind == "i"), 0, 0, size, 0, 8 * size)
    return _header([(1, space), (3, kind), (8, struct.pack("<BBQQ", 3, 1, place, values.nbytes))])


def _header(messages: list[tuple[int, bytes]]) -> bytes:
    """Return the header of an object, of messages of some kinds."""
    padded = [(kind, body.ljust(-(-len(body) // 8) * 8, b"\0")) for kind, body in messages]
    text = b"".join(struct.pack("<HHB3x", kind, len(body), 0) + body for kind, body in padded)
    return struct.pack("<BBHII4x", 1, 0, len(messages), 1, len(text)) + text

"""Write arrays into HDF5, by GDAL's driver of NetCDF: a NetCDF-4 file is one of HDF5."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import rasterio
import rasterio.shutil
from rasterio.errors import NotGeoreferencedWarning


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

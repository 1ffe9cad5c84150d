"""How GDAL is set while rasters are read and written."""

from __future__ import annotations

import rasterio

#: Upper limit of GDAL's block cache in MB; its default is a share of the machine's memory, which grows with big scenes.
CACHE_MB = 64


def raster_environment() -> rasterio.Env:
    """Return the settings as a context manager.

    Sidecar files (masks, statistics) are looked for by name, which finds them without listing the folder at each open.
    """
    return rasterio.Env(GDAL_CACHEMAX=CACHE_MB, GDAL_DISABLE_READDIR_ON_OPEN="TRUE")

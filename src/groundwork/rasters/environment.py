"""How GDAL is set while rasters are read and written.

As environment variables, because they hold for every thread and worker process and cost nothing when a file is opened;
one that is set already is left as it is.
"""

from __future__ import annotations

import os

SETTINGS = {
    # GDAL's default is a share of the machine's memory, which would fill up with big scenes.
    "GDAL_CACHEMAX": "64",
    # Masks and statistics beside a file are looked for by name, which finds them without listing the whole folder.
    "GDAL_DISABLE_READDIR_ON_OPEN": "TRUE",
    # A server that is busy is asked again after a second; one that does not answer, or stops within a file, is given
    # up: by itself, GDAL would wait for ever.
    "GDAL_HTTP_MAX_RETRY": "3",
    "GDAL_HTTP_RETRY_DELAY": "1",
    "GDAL_HTTP_CONNECTTIMEOUT": "20",
    "GDAL_HTTP_LOW_SPEED_LIMIT": "1",
    "GDAL_HTTP_LOW_SPEED_TIME": "60",
}


def configure_gdal() -> None:
    """Set what is not set yet."""
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)

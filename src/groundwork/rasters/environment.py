"""How GDAL is set while rasters are read and written.

As environment variables, because they hold for every thread and worker process and cost nothing when a file is opened;
one that is set already is left as it is.
"""

from __future__ import annotations

import os
import warnings

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


#: How warnings begin of rasters without a georeference. Whether one is expected is a matter of a spec, and checked.
_OF_NO_PLACE = ("Dataset has no geotransform", "The given matrix is equal to Affine.identity")


def configure_gdal() -> None:
    """Set what is not set yet, and leave out warnings that say nothing here.

    For good: where several threads open rasters, each of which leaves them out for a while, one switches them on again
    while another needs them off.
    """
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    for start in _OF_NO_PLACE:
        warnings.filterwarnings("ignore", message=start)

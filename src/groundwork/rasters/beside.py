"""Which files a raster is read from: its own, what lies beside it, and those that a virtual raster is made of."""

from __future__ import annotations

import logging
from pathlib import Path

from groundwork.rasters.addresses import Address, holds_several
from groundwork.rasters.opening import MASK, open_dataset

logger = logging.getLogger(__name__)
#: What lies beside a raster and is read with it.
_BESIDE = (MASK, ".aux.xml")
#: Smaller copies of the same pixels.
_OVERVIEWS = ".ovr"
#: Ending of a raster that is made of others.
VRT = ".vrt"


def files_of(path: Path) -> list[Path]:
    """Return the files on which pixels and place of a raster depend, its own first; overviews are none.

    Files at addresses are not looked for.

    Args:
        path: A file, an address, or a folder or file that holds several rasters.

    Raises:
        RasterError: Where a file cannot be opened.
    """
    if isinstance(path, Address):
        return [path]
    beside = [file for end in _BESIDE if (file := path.with_name(path.name + end)).is_file()]
    found = dict.fromkeys([path, *beside])
    waiting = [path] if path.is_file() and not holds_several(path) else []
    while waiting:
        with open_dataset(one := waiting.pop()) as raster:
            names = [Path(name) for name in raster.files if not name.endswith(_OVERVIEWS)]
        listed = sorted({name for name in names if name.is_file()} - set(found))
        found |= dict.fromkeys(listed)
        # Of a virtual raster, GDAL says which files it names, and not what those are read with.
        waiting += listed if one.suffix.lower() == VRT else []
    return list(found)


def remove_derived(path: Path) -> None:
    """Remove masks and overviews beside a file that is about to be written: they are of the pixels that lay there.

    GDAL would read them with the new ones, which have their own within the file.
    """
    for end in (MASK, _OVERVIEWS, MASK + _OVERVIEWS):
        beside = path.with_name(path.name + end)
        if beside.is_file():
            beside.unlink()
            logger.info("%s is of the pixels that %s held before, and is removed", beside, path.name)

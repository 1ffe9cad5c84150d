"""Whether chips still hold what was indexed."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from zlib import crc32

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from groundwork.batch import Patch
from groundwork.data.labelled import LabelledScene
from groundwork.rasters.addresses import Address

#: Rasters whose pixels lie in other files.
_MADE_OF_OTHERS = {".vrt", ".zarr"}


class Unchanged:
    """Holds each chip against its checksum when a process first reads it, and when a file of it was touched since."""

    def __init__(self, checksums: NDArray[np.bytes_] | None, num_chips: int) -> None:
        """Take the checksums of the sample table. None: there are none, and places alone are compared."""
        self._checksums = checksums
        #: What told the files apart when a chip was found unchanged; 0: it was not read yet.
        self._found = np.zeros(num_chips, np.uint32)

    def require(self, index: int, opened: LabelledScene, window: Window, patch: Patch) -> None:
        """Refuse pixels that are not those that were indexed.

        Args:
            index: Number of the chip.
            opened: What it was read from.
            window: Where.
            patch: What was read.

        Raises:
            RasterError: Where values, validity, answers or the place on the ground differ.
        """
        stamp = _stamp(opened.files)
        if stamp and self._found[index] == stamp:
            return
        expected = "" if self._checksums is None else self._checksums[index].decode()
        opened.require_unchanged(window, patch, expected)
        self._found[index] = stamp


def _stamp(files: Iterable[Path]) -> int:
    """Return a number that changes when a file is written or replaced; 0 where that cannot be seen.

    It cannot of addresses, of what a VRT names, of what lies in a Zarr store, and of a file that is gone while it is
    still open.
    """
    number = 0
    for file in files:
        if isinstance(file, Address) or file.suffix in _MADE_OF_OTHERS:
            return 0
        try:
            state = os.stat(file)  # noqa: PTH116 - a path's own way takes twice as long, for each chip of an epoch
        except FileNotFoundError:
            return 0
        number = crc32(b"%d %d %d" % (state.st_mtime_ns, state.st_size, state.st_ino), number)
    return number or 1

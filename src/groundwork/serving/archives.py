"""Rasters of several sources, dates or steps come as one archive, each by its name."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path

from groundwork.serving.names import expected_names, read_name
from groundwork.serving.refusals import RefusedError, too_large
from groundwork.specs import RasterSpec

#: How archives of ZIP begin that hold something.
_BEGINNING = b"PK\3\4"
_CHUNK = 2**20
#: Rasters that an archive may hold.
_MOST_FILES = 1000


def is_archive(path: Path) -> bool:
    """Return whether a file is an archive, by how it begins."""
    with path.open("rb") as file:
        return file.read(4) == _BEGINNING


def unpack(archive: Path, folder: Path, inputs: Mapping[str, RasterSpec], most: int) -> dict[str, Path]:
    """Write each raster of an archive into a folder of its source, and return them by source.

    Of the names that stand in the archive, files get the digits of dates and steps alone.

    Args:
        archive: Holds ``<source>.tif`` for each source, or ``<source>_<date>.tif`` for each date, and nothing else.
        folder: Where rasters are written.
        inputs: The sources.
        most: Bytes that are taken of all of them.

    Raises:
        RefusedError: For an archive that cannot be read, holds anything else, or too much.
    """
    found: dict[str, Path] = {}
    left = most
    try:
        with zipfile.ZipFile(archive) as packed:
            entries = packed.infolist()
            if len(entries) > _MOST_FILES:
                raise too_large(f"The archive holds {len(entries)} files", f"{_MOST_FILES} files")
            for entry in entries:
                stem, _, ending = entry.filename.rpartition(".")
                named = read_name(stem, inputs) if ending == "tif" else None
                if named is None or not named.is_new(folder, found):
                    expected = expected_names(inputs)
                    raise RefusedError(422, f"The archive holds '{entry.filename}'; expected {expected}, each once.")
                found[named.source] = named.raster(folder)
                left -= _write(packed, entry, named.below(folder), left, most)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError) as error:
        raise RefusedError(422, f"The archive cannot be read: {error}") from error
    return found


def _write(packed: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path, left: int, most: int) -> int:
    """Write an entry, and return how many bytes it has; what an archive says of it itself is not believed."""
    target.parent.mkdir(parents=True, exist_ok=True)
    size = 0
    with packed.open(entry) as file, target.open("wb") as made:
        while chunk := file.read(_CHUNK):
            size += len(chunk)
            if size > left:
                raise too_large(f"Unpacked, the rasters have more than {most} bytes", f"{most} bytes")
            made.write(chunk)
    return size

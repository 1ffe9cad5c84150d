"""The rasters of several sources come as one archive, each by the name of its source."""

from __future__ import annotations

import zipfile
from collections.abc import Collection
from pathlib import Path

from groundwork.serving.refusals import RefusedError, too_large

#: How archives of ZIP begin that hold something.
_BEGINNING = b"PK\3\4"
_CHUNK = 2**20


def is_archive(path: Path) -> bool:
    """Return whether a file is an archive, by how it begins."""
    with path.open("rb") as file:
        return file.read(4) == _BEGINNING


def unpack(archive: Path, folder: Path, sources: Collection[str], most: int) -> dict[str, Path]:
    """Write each raster of an archive into a folder of its source, and return them by source.

    Nothing is written by the names that stand in the archive.

    Args:
        archive: Holds ``<source>.tif`` for each source, and nothing else.
        folder: Where rasters are written.
        sources: Their names.
        most: Bytes that are taken of all of them.

    Raises:
        RefusedError: For an archive that cannot be read, holds anything else, or too much.
    """
    names = {f"{source}.tif": source for source in sources}
    found: dict[str, Path] = {}
    left = most
    try:
        with zipfile.ZipFile(archive) as packed:
            for entry in packed.infolist():
                source = names.get(entry.filename)
                if source is None or source in found:
                    expected = ", ".join(sorted(names))
                    raise RefusedError(422, f"The archive holds '{entry.filename}'; expected {expected}, each once.")
                found[source] = folder / source / "scene.tif"
                left -= _write(packed, entry, found[source], left, most)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError) as error:
        raise RefusedError(422, f"The archive cannot be read: {error}") from error
    return found


def _write(packed: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path, left: int, most: int) -> int:
    """Write an entry, and return how many bytes it has; what an archive says of it itself is not believed."""
    target.parent.mkdir()
    size = 0
    with packed.open(entry) as file, target.open("wb") as made:
        while chunk := file.read(_CHUNK):
            size += len(chunk)
            if size > left:
                raise too_large(f"Unpacked, the rasters have more than {most} bytes", f"{most} bytes")
            made.write(chunk)
    return size

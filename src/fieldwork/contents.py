"""Short names for the exact contents of files and folders that a run read or made."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from groundwork.atomic import PARTIAL
from groundwork.rasters.addresses import Address

#: What holds more is told apart by names and sizes: reading terabytes behind every run would take longer than the run.
READ_WHOLE = 2**30


def contents_of(place: Path, project: Path) -> dict[str, Any]:
    """Return where a file or folder lies, and what it holds.

    Args:
        place: The file or folder.
        project: Folder of the project. Paths outside of it belong to this machine, and are left out.

    Returns:
        ``path``, ``files``, ``bytes``, and ``sha256``, ``of`` what that is: ``contents``, or ``names and sizes`` from
        :data:`READ_WHOLE` bytes on. Of addresses ``path`` alone, of what is not there ``files`` 0.
    """
    if isinstance(place, Address):
        return {"path": str(place)}
    whole = place.resolve()
    shown = whole.relative_to(project.resolve()).as_posix() if whole.is_relative_to(project.resolve()) else None
    files = sorted(_files(whole))
    sizes = [file.stat().st_size for file in files]
    is_small = sum(sizes) <= READ_WHOLE
    digest = hashlib.sha256()
    for file, size in zip(files, sizes, strict=True):
        name = file.relative_to(whole).as_posix() if file != whole else ""
        digest.update(f"{name}\0{size}\0".encode())
        if is_small:
            with file.open("rb") as opened:
                digest.update(hashlib.file_digest(opened, "sha256").digest())
    of = "contents" if is_small else "names and sizes"
    return {"path": shown, "files": len(files), "bytes": sum(sizes), "sha256": digest.hexdigest(), "of": of}


def _files(place: Path) -> Iterator[Path]:
    if place.is_file():
        yield place
    elif place.is_dir():
        found = (file for file in place.rglob("*") if file.is_file())
        yield from (file for file in found if not file.name.startswith((PARTIAL, ".git")))

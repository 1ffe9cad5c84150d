"""Files at addresses that are read whole, such as labels and tables: copied to this machine for as long as it works."""

from __future__ import annotations

import atexit
import logging
import os
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from fsspec import AbstractFileSystem

from groundwork.atomic import whole_file
from groundwork.errors import PairingError
from groundwork.progress import track
from groundwork.rasters.addresses import Address
from groundwork.rasters.folder import RasterFolder, has_files
from groundwork.rasters.listing import filesystem_of, refusals_of
from groundwork.rasters.shared import SharedFiles

logger = logging.getLogger(__name__)

#: By which file systems tell that a file is another one; a size alone does not.
_STAMPS = ("ETag", "LastModified", "Last-Modified", "Content-MD5", "Digest", "mtime", "updated", "last_modified")
#: Files that belong to one of this ending, by what they end in.
_PARTS = {".shp": (".shx", ".dbf", ".prj", ".cpg")}
#: Copy -> what its file system said of the file.
_fetched: dict[Path, dict[str, Any]] = {}


def fetched(place: Path) -> Path:
    """Return where a file can be opened: itself, or a copy of what lies at an address now.

    The copy is removed when this process ends. It is fetched anew where the file changed.

    Raises:
        PairingError: Where the address does not answer.
    """
    return _fetch(place.parent, [place.name]) / _name_of(place.name) if isinstance(place, Address) else place


def fetched_shared(files: SharedFiles) -> SharedFiles:
    """Return files for all scenes, each as :func:`fetched` does.

    Raises:
        PairingError: Where the address does not answer.
    """
    if not isinstance(files.root, Address):
        return files
    return SharedFiles(_fetch(files.root, files.names), tuple(map(_name_of, files.names)))


def fetched_files(files: RasterFolder) -> RasterFolder:
    """Return the files of a folder, each as :func:`fetched` does.

    Raises:
        PairingError: Where the address does not answer.
    """
    names = sorted({name for of_key in files.files.values() for name in of_key})
    return replace(files, root=_fetch(files.root, names)) if isinstance(files.root, Address) else files


def can_be_fetched(place: Path) -> bool:
    """Whether there is a file, or a folder that is not empty. Whether an address answers is seen when it is fetched."""
    return isinstance(place, Address) or has_files(place)


def _fetch(folder: Address, names: Sequence[str]) -> Path:
    """Copy files of a folder, and return the folder of the copies."""
    copies = _folder() / str(folder).removeprefix("/vsi").strip("/")
    with filesystem_of(folder) as (filesystem, place):
        # What it remembers of files may be as old as this process.
        filesystem.invalidate_cache()
        for name in track(names, f"Fetching from {folder}", len(names)):
            copy = copies / _name_of(name)
            if not Path(os.path.normpath(copy)).is_relative_to(copies):
                raise PairingError(f"{folder}: found the name {name} in it, which leaves it. Take the file out.")
            try:
                _fetch_one(filesystem, f"{place}/{name}".removeprefix("/"), copy)
                for ending in _PARTS.get(copy.suffix.lower(), ()):
                    beside = f"{place}/{Path(name).with_suffix(ending).as_posix()}".removeprefix("/")
                    if filesystem.exists(beside):
                        _fetch_one(filesystem, beside, copy.with_suffix(ending))
            except refusals_of(filesystem) as error:
                raise PairingError(
                    f"{folder / name}: found no file that can be fetched ({type(error).__name__}: {error}). Correct "
                    "the address, or check network and permission."
                ) from error
    return copies


def _name_of(name: str) -> str:
    """Return what a copy is called: what a server is asked beside the name is no part of it."""
    return name.partition("?")[0]


def _fetch_one(filesystem: AbstractFileSystem, name: str, copy: Path) -> None:
    told = filesystem.info(name)
    stamp = {key: told[key] for key in ("size", *_STAMPS) if key in told}
    if len(stamp) > 1 and _fetched.get(copy) == stamp and copy.is_file():
        return
    copy.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(copy) as partial:
        filesystem.get_file(name, str(partial))
    _fetched[copy] = stamp
    logger.info("Fetched %s (%d bytes).", name, copy.stat().st_size)


@cache
def _folder() -> Path:
    folder, owner = Path(tempfile.mkdtemp(prefix="fetched-")), os.getpid()

    def remove() -> None:
        # A forked process shares the folder with the one that made it.
        if os.getpid() == owner:
            shutil.rmtree(folder, ignore_errors=True)

    atexit.register(remove)
    return folder

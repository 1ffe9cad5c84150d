"""Where rasters lie that are no files of their own: in archives, on servers, in stores, in files of several rasters."""

from __future__ import annotations

import os
import re
from pathlib import Path, PosixPath

from groundwork.errors import RasterError

#: In place of the file of a date that has none.
NO_FILE = Path(os.devnull)
RASTER_SUFFIXES = {".tif", ".tiff", ".vrt", ".jp2", ".img", ".png", ".jpg", ".nc", ".h5", ".hdf", ".zarr"}
#: What an address begins with -> what GDAL calls it.
_GDAL = {
    "http://": "/vsicurl/http://",
    "https://": "/vsicurl/https://",
    "s3://": "/vsis3/",
    "gs://": "/vsigs/",
    "gcs://": "/vsigs/",
    "az://": "/vsiaz/",
    "abfs://": "/vsiaz/",
}
#: Ending of a file that holds several rasters -> GDAL's driver of it, and what stands before the name of one.
_HOLDERS = {
    ".nc": ("NETCDF", ""),
    ".nc4": ("NETCDF", ""),
    ".zarr": ("ZARR", "/"),
    ".h5": ("HDF5", "//"),
    ".hdf5": ("HDF5", "//"),
}
_INSIDE = re.compile(r'(?P<driver>[A-Z][A-Z0-9]+):"(?P<file>[^"]+)":(?P<name>.+)')
_ARCHIVE = re.compile(
    r"/vsi(?P<kind>zip|tar)/(?P<file>[^{].*?\.(?:zip|kmz|tar|tar\.gz|tgz))(?P<name>/.*)?", re.IGNORECASE
)
#: A path holds no two slashes in a row; these are put back: of a server, and before a name in HDF5.
_SLASHES = re.compile(r"((?:https?|ftp):/)(?!/)")
_SLASHES_INSIDE = re.compile(r'(HDF5:"[^"]+":/)(?!/)')


class Address(PosixPath):
    """What GDAL opens by name, such as ``/vsicurl/https://host/a.tif``. Joins, compares and travels as a path does."""

    def __str__(self) -> str:
        """Return the name that GDAL opens."""
        return _SLASHES_INSIDE.sub(r"\1/", _SLASHES.sub(r"\1/", super().__str__()))


def local_path(text: str) -> Path:
    """Return a path of this machine, of which a ``~`` at the beginning is the home folder, as shells have it."""
    return Path(text).expanduser() if text == "~" or text.startswith("~/") else Path(text)


def place_of(text: str) -> Path:
    """Return a path, or an address where the text is one: a URL, one of fsspec's, or one of GDAL's ``/vsi``.

    Raises:
        RasterError: For an address that would not be kept letter by letter, or an archive that does not end as one.
    """
    head, chained, archive = text.partition("::")
    if chained and head.startswith("zip://"):
        text = f"/vsizip/{{{place_of(archive)}}}/{head.removeprefix('zip://')}"
    if text.startswith("file://"):
        return local_path(text.removeprefix("file://"))
    start = next((start for start in _GDAL if text.startswith(start)), None)
    if start is not None:
        text = _GDAL[start] + text.removeprefix(start)
    if not _is_of_gdal(text):
        return local_path(text)
    name = _with_braces(text).rstrip("/")
    address = Address(name)
    if str(address) != name:
        found = f"an address that would be read as {address}"
        raise RasterError(name, found, "one without '//' or '/./' inside", "Write them as %2F%2F and %2F.%2F.")
    return address


def place_below(root: Path, name: str) -> Path:
    """Return where a raster lies that is named relative to a folder, or by an address of its own.

    No name is that of :data:`NO_FILE`.
    """
    if not name:
        return NO_FILE
    if ":" not in name and "/vsi" not in name:
        # Names of ordinary files are read by the thousand, and cannot be anything else.
        return root / name
    inside = _INSIDE.fullmatch(name)
    if inside is not None:
        return Address(f'{inside["driver"]}:"{place_below(root, inside["file"])}":{inside["name"]}')
    place = place_of(name)
    return place if isinstance(place, Address) else root / place


def name_below(root: Path, place: Path) -> str:
    """Return the name by which :func:`place_below` finds a place: relative to the folder where it lies in it."""
    return place.relative_to(root).as_posix() if place.is_relative_to(root) else str(place)


def name_inside(name: str, variable: str, kind: str | None = None) -> str:
    """Return the name of one raster of a file that holds several, as GDAL has it.

    Args:
        name: Of the file.
        variable: Of the raster in it.
        kind: GDAL's driver, as of :func:`array_at`. None: that of the ending of the file.

    Raises:
        RasterError: Where the file is none that holds several.
    """
    by_ending = _HOLDERS.get(Path(name).suffix.lower(), ("", ""))
    driver, start = by_ending if kind is None else (kind, dict(_HOLDERS.values())[kind])
    if not driver:
        expected = f"one that holds several rasters by name: {', '.join(_HOLDERS)}"
        raise RasterError(name, f"a file of which 'variable' names '{variable}'", expected, "Leave 'variable' out.")
    return f'{driver}:"{name}":{start}{variable.lstrip("/")}'


def holder_of(name: str) -> str:
    """Return the name of the file that holds a raster: its own, but for those that :func:`name_inside` gives."""
    found = _INSIDE.fullmatch(name)
    return name if found is None else found["file"]


def holds_several(place: Path) -> bool:
    """Whether a file is of a kind that holds several rasters by name."""
    return place.suffix.lower() in _HOLDERS


def array_at(place: Path) -> tuple[str, str, str] | None:
    """Return GDAL's driver, the file and the whole name of what :func:`name_inside` names. None: it is none."""
    found = _INSIDE.fullmatch(str(place))
    return None if found is None else (found["driver"], found["file"], "/" + found["name"].lstrip("/"))


def is_folder_raster(place: Path) -> bool:
    """Whether a folder is one raster."""
    return place.suffix == ".zarr" and place.is_dir()


def is_file(place: Path) -> bool:
    """Whether there is a raster: a file, or a folder that is one."""
    return place.is_file() or is_folder_raster(place)


def is_folder(place: Path) -> bool:
    """Whether a place is a folder: of an address, its ending tells."""
    return not place.suffix if isinstance(place, Address) else place.is_dir()


def is_there(place: Path) -> bool:
    """Whether there is a raster. Whether an address answers is seen when it is opened."""
    return isinstance(place, Address) or is_file(place)


def _is_of_gdal(text: str) -> bool:
    return text.startswith("/vsi") or _INSIDE.fullmatch(text) is not None


def _with_braces(text: str) -> str:
    """Say where the name of an archive ends, which GDAL would otherwise look for."""
    found = _ARCHIVE.fullmatch(text)
    if found is None and text.startswith(("/vsizip/", "/vsitar/")) and "{" not in text:
        expected = "an archive that ends in .zip or .tar, or one in braces"
        raise RasterError(text, "no name of an archive", expected, "Write /vsizip/{path of the archive}/name.")
    return text if found is None else f"/vsi{found['kind'].lower()}/{{{found['file']}}}{found['name'] or ''}"

"""List what lies below an address, through fsspec."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import PurePosixPath

import aiohttp
import fsspec
from fsspec import AbstractFileSystem

from groundwork.errors import PairingError
from groundwork.rasters.addresses import RASTER_SUFFIXES, Address
from groundwork.rasters.stores import s3fs_options, settle_endpoint

#: GDAL's name of a store -> fsspec's, and the package that fsspec needs for it.
_STORES = {"s3": ("s3", "s3fs"), "gs": ("gcs", "gcsfs"), "az": ("abfs", "adlfs")}
_ARCHIVE = re.compile(r"/vsi(?P<kind>zip|tar)/\{(?P<file>.+)\}(?:/(?P<name>.*))?")
_SERVER = re.compile(r"/vsicurl/(?P<url>.+)")
_STORE = re.compile(r"/vsi(?P<kind>s3|gs|az)/(?P<name>.+)")
#: A folder that is one raster.
_STORE_SUFFIX = ".zarr"


def names_at(address: Address) -> list[str] | None:
    """Return the names of all files below an address, relative to it; None where it is a raster itself.

    Raises:
        PairingError: Where it does not answer, cannot be listed, or there is nothing.
    """
    with filesystem_of(address) as (filesystem, place):
        try:
            return names_below(filesystem, place)
        except refusals_of(filesystem) as error:
            raise PairingError(
                f"{address}: found no answer ({type(error).__name__}: {error}); expected a folder that can be listed. "
                "Correct the address, check network and permission, or name the rasters in a table or by STAC items."
            ) from error


@contextmanager
def filesystem_of(address: Address) -> Iterator[tuple[AbstractFileSystem, str]]:
    """Yield the file system that an address lies in, and its place there.

    Raises:
        PairingError: Where there is none, or a package is missing for it.
    """
    filesystem, place = _filesystem(address)
    try:
        yield filesystem, place
    finally:
        # Only archives are opened here; who made the file system closes it.
        if _ARCHIVE.fullmatch(str(address)):
            filesystem.close()


def names_below(filesystem: AbstractFileSystem, place: str) -> list[str] | None:
    """Return the names of all files below a place of a file system, in order; None where it is a raster itself.

    What is hidden is left out, as it is unfinished or what other programs keep beside the data.
    """
    start = place.strip("/")
    # A server gives a page for a folder, and would give all of a raster to look for links in.
    suffix = PurePosixPath(start).suffix.lower()
    if suffix == _STORE_SUFFIX or (suffix in RASTER_SUFFIXES and filesystem.isfile(place)):
        return None
    found = [path.removeprefix("/") for path in _walk(filesystem, place)]
    if not found:
        raise FileNotFoundError(f"nothing at {place or 'its root'}")
    names = {_one_raster(path.removeprefix(start).removeprefix("/").split("/")) for path in found}
    return sorted(name for name in names if not any(part.startswith(".") for part in name.split("/")))


def refusals_of(filesystem: AbstractFileSystem) -> tuple[type[Exception], ...]:
    """Return what a file system raises where it does not answer."""
    if "s3" not in filesystem.protocol:
        return (OSError, aiohttp.ClientError)
    # It is there where s3fs is, and nothing else needs it.
    from botocore.exceptions import BotoCoreError  # type: ignore[import-untyped]  # noqa: PLC0415

    return (OSError, aiohttp.ClientError, BotoCoreError)


def _walk(filesystem: AbstractFileSystem, place: str) -> Iterator[str]:
    """Yield all files below a place. fsspec's own walk passes over folders that do not answer."""
    if "s3" in filesystem.protocol:
        # A store knows no folders: it lists a thousand files at once, wherever they lie.
        yield from filesystem.find(place)
        return
    for entry in filesystem.ls(place, detail=True):
        if entry["type"] == "directory":
            yield from _walk(filesystem, entry["name"])
        else:
            yield entry["name"]


def _one_raster(parts: Sequence[str]) -> str:
    """Return the name of a file, or of the folder it lies in where that is one raster."""
    whole = next((index for index, part in enumerate(parts[:-1]) if part.endswith(_STORE_SUFFIX)), len(parts) - 1)
    return PurePosixPath(*parts[: whole + 1]).as_posix()


def _filesystem(address: Address) -> tuple[AbstractFileSystem, str]:
    text = str(address)
    archive, server, store = _ARCHIVE.fullmatch(text), _SERVER.fullmatch(text), _STORE.fullmatch(text)
    try:
        if archive is not None:
            outer = Address(archive["file"])
            filesystem, place = _filesystem(outer) if archive["file"].startswith("/vsi") else (None, str(outer))
            opened = place if filesystem is None else filesystem.open(place)
            return fsspec.filesystem(archive["kind"], fo=opened, skip_instance_cache=True), archive["name"] or ""
        if server is not None:
            return fsspec.filesystem("http"), server["url"]
        if store is not None:
            settle_endpoint()
            options = s3fs_options() if store["kind"] == "s3" else {}
            return fsspec.filesystem(_STORES[store["kind"]][0], **options), store["name"]
    except ImportError as error:
        package = _STORES[store["kind"]][1] if store is not None else "aiohttp"
        how = (
            "the extra, by `uv pip install -e '.[s3]'` in the project"
            if package == "s3fs"
            else f"`pip install {package}`"
        )
        raise PairingError(
            f"{address}: listing or fetching it needs the package {package}. Install it ({how}), or name the rasters "
            "in a table."
        ) from error
    except (OSError, aiohttp.ClientError) as error:
        raise PairingError(
            f"{address}: found no archive that opens ({type(error).__name__}: {error}). Correct the address."
        ) from error
    raise PairingError(
        f"{address}: found an address that cannot be listed; expected http, https, s3, gs, az, or an archive. Name the "
        "rasters in a table or by STAC items."
    )

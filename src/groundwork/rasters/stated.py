"""What STAC states of files before they are opened, compared with what is declared."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np
from affine import Affine
from rasterio.errors import CRSError

from groundwork.errors import RasterError
from groundwork.rasters.addresses import Address
from groundwork.rasters.checks import check_pixel_size, mend_nodata, same_value
from groundwork.rasters.folder import RasterFolder
from groundwork.rasters.grid import Grid, crs_of, name_crs
from groundwork.rasters.scaling import shortest
from groundwork.rasters.sentinel2 import baseline_of
from groundwork.rasters.stated_file import StatedBand, StatedFile
from groundwork.rasters.stated_names import check_stated_names
from groundwork.specs import RANGES, BandSpec, RasterSpec

#: How a multihash begins -> the hash (https://github.com/multiformats/multicodec): kind, and length in bytes.
_HASHES = {"1114": "sha1", "1220": "sha256", "1340": "sha512", "d50110": "md5"}


def check_stated(folder: RasterFolder, spec: RasterSpec, keys: Collection[str] | None = None) -> None:
    """Compare what is stated of files with a spec. Nothing is opened.

    Args:
        folder: With what is stated.
        spec: What the files hold.
        keys: Of the scenes that are compared. None: all.

    Raises:
        RasterError: With the item and its asset, for the first that differs.
    """
    for key, stated in folder.stated.items():
        if keys is None or key in keys:
            per_date = len(stated) // len(folder.dates.get(key, ("one",)))
            for position, (file, path) in enumerate(zip(stated, folder.paths(key), strict=True)):
                _check_bands(file, path, spec, None if per_date == 1 else position % per_date)
                if position % per_date == 0:
                    _check_place(file, spec)


def check_placed(grid: Grid, path: Path, stated: StatedFile) -> None:
    """Compare where the pixels of an opened file lie with what is stated of it.

    Raises:
        RasterError: Where CRS, geotransform or size differ.
    """
    height, width = stated.shape or (grid.height, grid.width)
    transform = grid.transform if stated.transform is None else Affine(*stated.transform[:6])
    crs = grid.crs if stated.crs is None else crs_of(stated.crs)
    differences = Grid(crs, transform, width, height).differences(grid)
    if differences:
        expected = f"what {stated.name} states"
        raise RasterError(path, "; ".join(differences), expected, "Correct the item, or fetch the file again.")


def check_contents(files: Mapping[str, Sequence[Path]], stated: Mapping[str, Sequence[StatedFile]]) -> None:
    """Compare size and check sum of the files of a scene with what is stated of them: this reads all of each.

    GDAL decodes some damaged files without a word. A hash of another kind is not compared, nor is a file that does not
    lie on this machine.

    Args:
        files: Of each source.
        stated: Of the files of each source; nothing of those that no item names.

    Raises:
        RasterError: Where they differ.
    """
    for source, paths in files.items():
        for path, file in zip(paths, stated[source], strict=False):
            _check_contents(path, file)


def _check_contents(path: Path, stated: StatedFile) -> None:
    if isinstance(path, Address) or not path.is_file():
        return
    expected, remedy = f"what {stated.name} states", "Fetch the file again, or correct the item."
    size = path.stat().st_size
    if stated.size is not None and size != stated.size:
        raise RasterError(path, f"{size} bytes", f"{stated.size}, {expected}", remedy)
    checksum = (stated.checksum or "").lower()
    start = next((start for start in _HASHES if checksum.startswith(start)), None)
    if start is None:
        return
    with path.open("rb") as file:
        found = hashlib.file_digest(file, _HASHES[start]).hexdigest()
    if found != checksum.removeprefix(start):
        raise RasterError(path, f"the {_HASHES[start]} {found}", f"{checksum.removeprefix(start)}, {expected}", remedy)


def _check_bands(file: StatedFile, path: Path, spec: RasterSpec, position: int | None) -> None:
    """Compare the bands of a file: all of a spec, or the one in a position."""
    if position is not None and position >= len(spec.bands):
        return
    steps = _steps_stated(file, spec.of_a_file)
    bands = [band for band in spec.bands for _ in range(steps)]
    declared = (bands if spec.layout == "bands_first" else [*spec.bands] * steps) if position is None else []
    expected = declared or [spec.bands[position or 0]]
    check_stated_names(file, expected, spec)
    found = file.bands or (() if file.every is None else (file.every,) * len(expected))
    if not found:
        return
    if len(found) != len(expected):
        names = [band.name for band in expected]
        remedy = "List in 'bands' what the asset holds, or name another asset."
        raise RasterError(file.name, f"{len(found)} stated band(s)", f"{len(expected)}: {names}", remedy)
    used, quality = {band.name for band in spec.used}, {rule.band for rule in spec.own_rules}
    for band, stated in zip(expected, found, strict=True):
        if band.name in used | quality:
            _check_dtype(file, stated, band, spec)
        if band.name in used:
            _check_nodata(file, stated, band, spec, len(found))
            _check_scaling(file, path, stated, band, spec)


def _steps_stated(file: StatedFile, spec: RasterSpec) -> int:
    """Return how many steps a file has: as declared, or where it may have others, as many as its bands are stated."""
    is_open = spec.is_chosen_in_file or spec.date_axis is not None
    count, rest = divmod(len(file.bands), len(spec.bands))
    return count if is_open and count and not rest else spec.steps


def _check_dtype(file: StatedFile, stated: StatedBand, band: BandSpec, spec: RasterSpec) -> None:
    expected = band.dtype or spec.dtype
    if stated.dtype in RANGES and stated.dtype != expected:
        found = f"the stated data type {stated.dtype} of band '{band.name}'"
        raise RasterError(
            file.name,
            found,
            f"{expected}, as 'sources' declares",
            f"Set 'dtype: {stated.dtype}', or name another asset.",
        )


def _check_nodata(file: StatedFile, stated: StatedBand, band: BandSpec, spec: RasterSpec, count: int) -> None:
    declared = np.nan if spec.nodata == "nan" else spec.nodata
    if stated.nodata is not None and not same_value(stated.nodata, declared, spec.dtype):
        text = shortest(stated.nodata)
        raise RasterError(
            file.name,
            f"the stated nodata {text} of band '{band.name}'",
            f"nodata {spec.nodata}, as 'sources' declares",
            mend_nodata(text, range(count), spec),
        )


def _check_scaling(file: StatedFile, path: Path, stated: StatedBand, band: BandSpec, spec: RasterSpec) -> None:
    scale, offset = stated.scale or 1.0, 0.0 if file.is_offset_added else stated.offset or 0.0
    # As in files, 1 and 0 are what is written where nobody says anything.
    if (scale, offset) == (1.0, 0.0) or np.allclose((scale, offset), (band.scale, band.offset), rtol=1e-6, atol=0):
        return
    if np.isclose(scale, band.scale, rtol=1e-6, atol=0):
        baseline = baseline_of(path)
        is_known = baseline is not None and np.isclose(offset, baseline.offset * scale, rtol=1e-6, atol=0)
        if spec.other_offsets == "allow" or (spec.other_offsets == "convert" and is_known):
            return
    raise RasterError(
        file.name,
        f"the stated scale {shortest(scale)} and offset {shortest(offset)} of band '{band.name}'"
        + (", as the item says that the offset is applied already" if file.is_offset_added and stated.offset else ""),
        f"scale {shortest(band.scale)} and offset {shortest(band.offset)}, as 'sources' declares",
        "Set 'scale' and 'offset' of the band to what is stated. Items that differ from one another, as Sentinel-2 "
        "before and after January 2022: 'other_offsets: convert' brings files together that lie in folders of "
        "products (.SAFE); others are sources of their own, or left out by 'dates'.",
    )


def _check_place(file: StatedFile, spec: RasterSpec) -> None:
    if file.crs is None:
        return
    try:
        crs = crs_of(file.crs)
    except CRSError:
        expected = "one that PROJ knows, such as EPSG:32632"
        raise RasterError(file.name, f"the stated CRS '{file.crs}'", expected, "Correct the item.") from None
    if spec.georeference == "absent":
        found, expected = f"the stated CRS {name_crs(crs)}", "no CRS, as 'sources' declares"
        raise RasterError(file.name, found, expected, "Set 'georeference: required'.")
    if file.transform is not None:
        height, width = file.shape or (1, 1)
        check_pixel_size(Grid(crs, Affine(*file.transform[:6]), width, height), file.name, spec)

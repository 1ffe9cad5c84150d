"""Write rasters as Cloud-Optimized GeoTIFF, block by block, and never half a file under a final name."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

import rasterio
from affine import Affine
from rasterio._err import CPLE_BaseError
from rasterio.errors import RasterioError
from rasterio.io import DatasetWriter
from rasterio.shutil import copy as copy_raster

from groundwork.atomic import partial_folder
from groundwork.errors import RasterError
from groundwork.progress import track
from groundwork.rasters.addresses import Address
from groundwork.rasters.bad_blocks import tags_of
from groundwork.rasters.beside import remove_derived
from groundwork.rasters.patterns import WORDS
from groundwork.rasters.proof import Checksums, DamagedError, checksum, compare, compare_plain
from groundwork.rasters.stream import RasterProfile, RasterStream
from groundwork.rasters.styles import give_styles, remove_styles, write_styles, write_tables


def file_to_write(root: Path, pattern: str, key: str) -> Path:
    """Return the file of a key in a folder.

    Raises:
        RasterError: Where the folder is an address, or the pattern is one for reading.
    """
    if isinstance(root, Address):
        raise RasterError(root, "an address", "a folder to write to", "Addresses are read, not written.")
    if "*" in pattern or any(f"{{{word}}}" in pattern for word in WORDS if word != "key"):
        expected = "a pattern with '{key}' alone"
        remedy = "'*' and words other than '{key}' are for reading."
        raise RasterError(root, f"'{pattern}', which names no file to write", expected, remedy)
    return root / pattern.replace("{key}", key)


def write_folder(streams: Mapping[str, RasterStream], root: Path, pattern: str) -> None:
    """Drain the one product of each stream into a file of a folder.

    Args:
        streams: By key.
        root: The folder.
        pattern: Names of files, with ``{key}``.

    Raises:
        RasterError: Where the folder is an address, or the pattern is one for reading.
    """
    for key, stream in track(streams.items(), "Writing rasters", len(streams)):
        write_rasters(stream, {next(iter(stream.profiles)): file_to_write(root, pattern, key)})


def write_rasters(stream: RasterStream, paths: Mapping[str, Path]) -> None:
    """Drain a stream into files.

    Blocks go into a temporary GeoTIFF beside the target; when all are there, it is turned into a Cloud-Optimized
    GeoTIFF (which needs all pixels for its overviews), read back and compared with what was written, and renamed. All
    products are renamed after all are whole.

    Args:
        stream: What to write.
        paths: Product name -> file to make. Earlier files of these names stay until the new ones are whole.

    Raises:
        RasterError: Where a file does not hold what was written, as the disk or a quota is full.
    """
    for path in paths.values():
        path.parent.mkdir(parents=True, exist_ok=True)
    first = next(iter(paths.values()))
    with partial_folder(first.parent, first.stem) as partial:
        raw = {product: partial / f"{number}.tif" for number, product in enumerate(paths)}
        done = {product: partial / f"{number}-cog.tif" for number, product in enumerate(paths)}
        try:
            written = _write_blocks(stream, raw)
            for product, path in done.items():
                _to_cog(raw[product], path, stream.profiles[product])
                compare(path, raw[product], stream.profiles[product], written[product])
                if legend := stream.profiles[product].legend:
                    write_styles(path, legend, paths[product].stem)
                if legends := stream.profiles[product].legends:
                    write_tables(path, legends)
        except (RasterioError, CPLE_BaseError, OSError) as error:
            raise not_written(first, str(error.__cause__ or error)) from error
        except DamagedError as error:
            raise not_written(first, str(error)) from None
        for product, path in done.items():
            put(path, paths[product])


def write_plain(stream: RasterStream, paths: Mapping[str, Path]) -> None:
    """Drain a stream into plain GeoTIFFs, which are read back: for what is read once more and then removed.

    Args:
        stream: What to write.
        paths: Product name -> file to make.

    Raises:
        RasterError: Where a file does not hold what was written, as the disk or a quota is full.
    """
    first = next(iter(paths.values()))
    try:
        written = _write_blocks(stream, paths)
        for product, path in paths.items():
            compare_plain(path, written[product])
    except (RasterioError, CPLE_BaseError, OSError) as error:
        raise not_written(first, str(error.__cause__ or error)) from error
    except DamagedError as error:
        raise not_written(first, str(error)) from None


def put(done: Path, target: Path) -> None:
    """Give a file its name, with what lies beside it: a CRS that GeoTIFF cannot say, styles; but nothing of before."""
    give_styles(done, target)
    remove_derived(target)
    done.replace(target)


def remove_raster(path: Path) -> None:
    """Remove a raster with what was written beside it; a style of a person stays."""
    remove_styles(path)
    remove_derived(path)
    path.unlink(missing_ok=True)


def not_written(path: Path, reason: str) -> RasterError:
    """Return the error of a file that does not hold what was written, with the space that is free."""
    there = next(folder for folder in path.parents if folder.exists())
    free = shutil.disk_usage(there).free / 2**20
    return RasterError(
        path,
        f"an incomplete file after writing it ({reason})",
        "all of it as it was predicted or made",
        f"{free:.0f} MiB are free in {there}, and a quota may allow less: make room, and run again. An earlier "
        "file of this name is untouched.",
    )


def _write_blocks(stream: RasterStream, paths: Mapping[str, Path]) -> dict[str, Checksums]:
    """Write each block as it comes, and return the checksums of what was written."""
    written: dict[str, Checksums] = {name: [] for name in paths}
    with ExitStack() as stack:
        writers = {name: stack.enter_context(_create(path, stream.profiles[name])) for name, path in paths.items()}
        for window, products in stream.blocks:
            for name, writer in writers.items():
                writer.write(products[name], window=window)
                written[name].append((window, checksum(products[name])))
            # Else they would lie in memory while the next ones are made.
            del products
        for writer in writers.values():
            writer.update_tags(**tags_of(stream.bad_files()))
    return written


def _create(path: Path, profile: RasterProfile) -> DatasetWriter:
    grid = profile.grid
    writer = rasterio.open(
        path,
        "w",
        driver="GTiff",
        width=grid.width,
        height=grid.height,
        count=len(profile.bands),
        dtype=profile.dtype,
        crs=grid.crs,
        transform=grid.transform if grid.transform != Affine.identity() else None,
        nodata=profile.nodata,
        tiled=True,
        blockxsize=profile.block_size,
        blockysize=profile.block_size,
        interleave="pixel" if len(profile.bands) == 1 else "band",
        # GDAL takes three or four bands of bytes for a picture, the fourth for its alpha band.
        photometric="MINISBLACK",
        bigtiff="YES",
        sparse_ok=True,
    )
    for index, name in enumerate(profile.bands, start=1):
        writer.set_band_description(index, name)
    if profile.units:
        writer.units = profile.units
    if profile.scalings:
        writer.scales, writer.offsets = zip(*profile.scalings, strict=True)
    if profile.colors:
        writer.write_colormap(1, dict(profile.colors))
    writer.update_tags(**dict(sorted(profile.tags.items())))
    return writer


def _to_cog(source: Path, target: Path, profile: RasterProfile) -> None:
    copy_raster(
        source,
        target,
        driver="COG",
        blocksize=profile.block_size,
        compress="DEFLATE",
        level=6,
        predictor="YES" if not profile.colors else "NO",
        overview_resampling=profile.overview,
        bigtiff="IF_SAFER",
        sparse_ok=True,
        num_threads="2",
    )

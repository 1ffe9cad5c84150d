"""Write rasters as Cloud-Optimized GeoTIFF, block by block, and never half a file under a final name."""

from __future__ import annotations

import glob
import shutil
import tempfile
import warnings
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

import rasterio
from affine import Affine
from rasterio.errors import NotGeoreferencedWarning
from rasterio.io import DatasetWriter
from rasterio.shutil import copy as copy_raster

from groundwork.rasters.stream import RasterProfile, RasterStream

#: Begins the names of folders that hold unfinished files; what a killed run left there is removed by the next.
PARTIAL = ".partial-"
BLOCK_SIZE = 512


def write_rasters(stream: RasterStream, paths: Mapping[str, Path]) -> None:
    """Drain a stream into files.

    Blocks go into a temporary GeoTIFF beside the target; when all are there, it is turned into a Cloud-Optimized
    GeoTIFF (which needs all pixels for its overviews), and renamed. All products are renamed after all are whole.

    Args:
        stream: What to write.
        paths: Product name -> file to make. Earlier files of these names stay until the new ones are whole.
    """
    for path in paths.values():
        path.parent.mkdir(parents=True, exist_ok=True)
    first = next(iter(paths.values()))
    remove_partial(first)
    partial = Path(tempfile.mkdtemp(prefix=f"{PARTIAL}{first.stem}-", dir=first.parent))
    try:
        raw = {product: partial / f"{number}.tif" for number, product in enumerate(paths)}
        _write_blocks(stream, raw)
        done = {product: partial / f"{number}-cog.tif" for number, product in enumerate(paths)}
        for product, path in done.items():
            _to_cog(raw[product], path, stream.profiles[product])
        for product, path in done.items():
            path.replace(paths[product])
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def remove_partial(path: Path) -> None:
    """Remove what a killed run left unfinished of a file; other files may be at work in the same folder."""
    for leftover in path.parent.glob(f"{PARTIAL}{glob.escape(path.stem)}-????????"):
        shutil.rmtree(leftover)


def _write_blocks(stream: RasterStream, paths: Mapping[str, Path]) -> None:
    with ExitStack() as stack:
        writers = {name: stack.enter_context(_create(path, stream.profiles[name])) for name, path in paths.items()}
        for window, products in stream.blocks:
            for name, writer in writers.items():
                writer.write(products[name], window=window)


def _create(path: Path, profile: RasterProfile) -> DatasetWriter:
    grid = profile.grid
    with warnings.catch_warnings():
        # A scene without georeference gets a prediction without one.
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
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
            blockxsize=BLOCK_SIZE,
            blockysize=BLOCK_SIZE,
            interleave="pixel" if len(profile.bands) == 1 else "band",
            bigtiff="YES",
            sparse_ok=True,
        )
    for index, name in enumerate(profile.bands, start=1):
        writer.set_band_description(index, name)
    if profile.colors:
        writer.write_colormap(1, dict(profile.colors))
    writer.update_tags(**dict(sorted(profile.tags.items())))
    return writer


def _to_cog(source: Path, target: Path, profile: RasterProfile) -> None:
    copy_raster(
        source,
        target,
        driver="COG",
        blocksize=BLOCK_SIZE,
        compress="DEFLATE",
        level=6,
        predictor="YES" if not profile.colors else "NO",
        overview_resampling=profile.overview,
        bigtiff="IF_SAFER",
        sparse_ok=True,
        num_threads="2",
    )

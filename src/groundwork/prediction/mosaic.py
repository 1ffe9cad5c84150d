"""Put the predictions of all scenes together as one raster, block by block."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from math import ceil, floor
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.enums import Resampling
from rasterio.errors import CRSError
from rasterio.vrt import WarpedVRT
from rasterio.warp import transform_bounds
from rasterio.windows import Window

from groundwork.config.inference import InferenceConfig, MosaicConfig
from groundwork.errors import PairingError, RasterError, SpecError
from groundwork.progress import track
from groundwork.rasters.bad_blocks import TAG
from groundwork.rasters.canvas import require_near
from groundwork.rasters.folder import preview
from groundwork.rasters.grid import NO_TRANSFORMATION, Grid, crs_of_text, describe_crs
from groundwork.rasters.opening import grid_of, open_dataset
from groundwork.rasters.stream import RasterProfile, RasterStream
from groundwork.rasters.windows import blocks
from groundwork.specs import TargetSpec
from groundwork.targets.classes import CLASSES, PROBABILITIES
from groundwork.targets.kind import Products, RasterKind
from groundwork.targets.kinds import kind_of
from groundwork.targets.measures import NUMBERS

logger = logging.getLogger(__name__)

#: A mosaic of which scenes cover a smaller share is mostly nodata.
LEAST_COVERED = 0.01
#: Side of the blocks that are put together, in pixels.
BLOCK = 1024


@dataclass(frozen=True, slots=True)
class Piece:
    """A prediction that is a part of a mosaic."""

    key: str
    path: Path
    day: date | None
    grid: Grid
    #: What the prediction says of its origin.
    tags: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Mosaic:
    """What is put together, and how."""

    kind: RasterKind
    profile: RasterProfile
    #: Those that count first come first.
    pieces: Sequence[Piece]
    overlaps: str
    #: Product of the pieces.
    product: str
    #: Where the pieces lie, in columns and rows of the mosaic.
    places: shapely.STRtree

    @property
    def answer(self) -> str:
        """What the mosaic holds."""
        return CLASSES if self.product == PROBABILITIES else self.product

    def near(self, window: Window) -> list[Piece]:
        """Return the pieces of which something may lie in a window; those that count first come first."""
        (top, bottom), (left, right) = window.toranges()
        return [self.pieces[index] for index in sorted(self.places.query(shapely.box(left, top, right, bottom)))]

    def stream(self, tile: Window) -> RasterStream:
        """Return a part of the mosaic as a raster of its own."""
        part = replace(self.profile, grid=self.profile.grid.part(tile))
        return RasterStream({self.answer: part}, self._blocks(tile))

    def _blocks(self, tile: Window) -> Iterator[tuple[Window, Products]]:
        left, top = int(tile.col_off), int(tile.row_off)
        windows = list(blocks(int(tile.width), int(tile.height), BLOCK))
        for here in track(windows, "Putting scenes together", len(windows)):
            window = Window(here.col_off + left, here.row_off + top, here.width, here.height)
            near = self.near(window)
            together = self._mean(near, window) if self.overlaps == "mean" else self._first(near, window)
            yield here, {self.answer: together}

    def _first(self, pieces: Sequence[Piece], window: Window) -> NDArray[np.generic]:
        size, nodata = (int(window.height), int(window.width)), self.profile.nodata
        found = np.full((len(self.profile.bands), *size), nodata, self.profile.dtype)
        missing = np.ones(size, np.bool_)
        for piece in pieces:
            values, known = self._read(piece, window, Resampling.nearest)
            taken = missing & known
            found[:, taken] = values[:, taken]
            missing &= ~known
            if not missing.any():
                break
        return found

    def _mean(self, pieces: Sequence[Piece], window: Window) -> NDArray[np.generic]:
        size = int(window.height), int(window.width)
        sums, counts = np.zeros((len(self.kind.target.names), *size), np.float64), np.zeros(size, np.int64)
        for piece in pieces:
            values, known = self._read(piece, window, Resampling.bilinear)
            sums[:, known] += values[:, known].astype(np.float64)
            counts += known
        means = (sums / np.maximum(counts, 1)).astype(np.float32)
        (found,) = self.kind.products(means, counts > 0, {self.answer: self.profile}).values()
        return found

    def _read(
        self, piece: Piece, window: Window, resampling: Resampling
    ) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
        """Return values (bands, height, width) of a prediction as they lie in the mosaic, and where it has any."""
        grid = self.profile.grid
        with (
            open_dataset(piece.path) as raster,
            WarpedVRT(
                raster,
                crs=grid.crs,
                transform=grid.transform,
                width=grid.width,
                height=grid.height,
                nodata=raster.nodata,
                resampling=resampling,
                # rasterio cannot build a transformation of tolerance 0.
                tolerance=1e-9,
            ) as warped,
        ):
            values: NDArray[np.generic] = warped.read(window=window)
            nodata = raster.nodata
        known = ~np.isnan(values[0]) if nodata is None or np.isnan(nodata) else values[0] != nodata
        return values, np.asarray(known)


def mosaic_of(
    target: TargetSpec, config: InferenceConfig, pieces: Mapping[str, tuple[Mapping[str, Path], date | None]]
) -> Mosaic:
    """Return the mosaic of all predictions.

    Args:
        target: What the predictions are.
        config: With ``mosaic``.
        pieces: Key of each scene -> the files of its products, and its date.

    Raises:
        RasterError: Where a prediction has no CRS, or no place in that of the mosaic.
        SpecError: For a CRS that nobody knows.
    """
    options = config.mosaic or MosaicConfig()
    kind = kind_of(target)
    if not isinstance(kind, RasterKind):
        raise SpecError(f"Answers per {kind.per} are no raster, of which a mosaic could be made")
    answer = CLASSES if target.classes else NUMBERS
    product = PROBABILITIES if options.overlaps == "mean" and target.classes else answer
    found = [_piece(key, paths[product], day) for key, (paths, day) in sorted(pieces.items())]
    grid = mosaic_grid(found, options)
    of_all = {"GROUNDWORK_INPUT": f"{len(found)} scenes", "GROUNDWORK_MOSAIC": options.overlaps}
    holes = bad_blocks_of(found)
    tags = {name: text for name, text in found[0].tags.items() if name != TAG} | of_all
    tags |= {TAG: json.dumps(holes)} if holes else {}
    profile = kind.profiles(grid, tags, details=())[answer]
    ordered = _in_order(found, options)
    places = [_place_in(grid, piece) for piece in ordered]
    if options.tile_size is None:
        _warn_of_emptiness(grid, places)
    return Mosaic(kind, profile, ordered, options.overlaps, product, shapely.STRtree(places))


def _warn_of_emptiness(grid: Grid, places: Sequence[shapely.Polygon]) -> None:
    if sum(place.area for place in places) < LEAST_COVERED * grid.width * grid.height:
        logger.warning(
            "Scenes lie in less than %g%% of the mosaic, which has %d x %d pixels: it takes long, and much of the "
            "disk. 'inference.mosaic.tile_size' writes no tile in which no scene lies",
            100 * LEAST_COVERED,
            grid.width,
            grid.height,
        )


def bad_blocks_of(pieces: Sequence[Piece]) -> list[dict[str, Any]]:
    """Return the files of scenes of which blocks could not be decoded, each with its scene."""
    return [
        {"scene": piece.key, **file}
        for piece in sorted(pieces, key=lambda piece: piece.key)
        for file in json.loads(piece.tags.get(TAG, "[]"))
    ]


def require_possible(config: MosaicConfig | None, days: Mapping[str, date | None]) -> None:
    """Refuse a mosaic before the scenes are predicted that it would be made of.

    Raises:
        PairingError: Where the newest counts and a scene has no date.
        SpecError: For a CRS that nobody knows.
    """
    if config is not None:
        crs_of(config)
    without = [key for key, day in days.items() if day is None]
    if config is not None and config.overlaps == "newest" and without:
        raise PairingError(
            f"'inference.mosaic.overlaps: newest' needs the dates of scenes, and {len(without)} have none: "
            f"{preview(without)}. Say where they stand, or set it to first or mean."
        )


def crs_of(config: MosaicConfig) -> CRS | None:
    """Return the CRS that is declared. None: there is none.

    Raises:
        SpecError: For one that nobody knows.
    """
    return None if config.crs is None else crs_of_text(config.crs, "inference.mosaic.crs")


def mosaic_grid(pieces: Sequence[Piece], config: MosaicConfig) -> Grid:
    """Return the grid of the mosaic: it holds all pieces, and its pixels are those of the first, or begin at 0, 0."""
    first = pieces[0].grid
    crs = crs_of(config) or first.crs
    size_x, size_y = abs(first.transform.a), abs(first.transform.e)
    x, y = first.transform.c, first.transform.f
    if config.pixel_size is not None:
        size_x = size_y = config.pixel_size
    if config.crs is not None:
        x = y = 0.0
    edges = np.array([_bounds_in(crs, piece) for piece in pieces])
    (west, south), (east, north) = edges[:, :2].min(axis=0), edges[:, 2:].max(axis=0)
    # Edges that are whole numbers of pixels but for rounding are such.
    left, right = floor((west - x) / size_x + 1e-6), ceil((east - x) / size_x - 1e-6)
    low, high = floor((south - y) / size_y + 1e-6), ceil((north - y) / size_y - 1e-6)
    transform = Affine(size_x, 0, x + left * size_x, 0, -size_y, y + high * size_y)
    return Grid(crs, transform, right - left, high - low)


def _piece(key: str, path: Path, day: date | None) -> Piece:
    with open_dataset(path) as raster:
        grid = grid_of(raster)
        tags = {name: text for name, text in raster.tags().items() if name.startswith("GROUNDWORK_")}
    if grid.crs is None:
        raise RasterError(path, "no CRS", "one, as a mosaic lies on the ground", "Leave 'inference.mosaic' out.")
    return Piece(key, path, day, grid, tags)


def _in_order(pieces: Sequence[Piece], config: MosaicConfig) -> list[Piece]:
    """Return pieces as they count: by key, or the newest first, of one day by key."""
    if config.overlaps != "newest":
        return list(pieces)
    return sorted(pieces, key=lambda piece: -(piece.day or date.min).toordinal())


def _bounds_in(crs: CRS | None, piece: Piece) -> tuple[float, float, float, float]:
    if crs is None or crs == piece.grid.crs:
        return piece.grid.bounds
    require_near(piece.grid, crs, piece.path, "inference.mosaic.crs")
    try:
        west, south, east, north = transform_bounds(piece.grid.crs, crs, *piece.grid.bounds, densify_pts=101)
        if not np.isfinite([west, south, east, north]).all():
            raise CRSError("it lies at infinity there")
    except NO_TRANSFORMATION as error:
        found = f"the CRS {describe_crs(piece.grid.crs)}, which has no place in {describe_crs(crs)} ({error})"
        raise RasterError(piece.path, found, "a place in the mosaic", "Choose another 'mosaic.crs'.") from error
    return west, south, east, north


def _place_in(grid: Grid, piece: Piece) -> shapely.Polygon:
    """Return the box of a piece in columns and rows of the mosaic, and a pixel more."""
    west, south, east, north = _bounds_in(grid.crs, piece)
    left, top = ~grid.transform @ (west, north)
    right, bottom = ~grid.transform @ (east, south)
    return shapely.box(left - 1, top - 1, right + 1, bottom + 1)

"""Put the predictions of all scenes together as one raster, block by block."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from math import ceil, floor
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.vrt import WarpedVRT
from rasterio.windows import Window

from groundwork.config.inference import InferenceConfig, MosaicConfig
from groundwork.errors import SpecError
from groundwork.prediction.mosaic_place import Piece, mosaic_grid, place_in, require_crs
from groundwork.progress import track
from groundwork.rasters.bad_blocks import TAG
from groundwork.rasters.opening import grid_of, open_dataset
from groundwork.rasters.part import scales_of
from groundwork.rasters.stream import RasterProfile, RasterStream
from groundwork.rasters.windows import blocks
from groundwork.specs import TargetSpec
from groundwork.targets.classes import CLASSES, PROBABILITIES
from groundwork.targets.kind import Products, RasterKind
from groundwork.targets.kinds import kind_of
from groundwork.targets.measures import NUMBERS

#: Side of the blocks that are put together, in pixels.
BLOCK = 1024


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
        for (down, across), values, known in self._parts(pieces, window, Resampling.nearest):
            taken = missing[down, across] & known
            found[:, down, across][:, taken] = values[:, taken]
            missing[down, across] &= ~known
            if not missing.any():
                break
        return found

    def _mean(self, pieces: Sequence[Piece], window: Window) -> NDArray[np.generic]:
        size = int(window.height), int(window.width)
        sums, counts = np.zeros((len(self.kind.target.names), *size), np.float64), np.zeros(size, np.int64)
        for (down, across), values, known in self._parts(pieces, window, Resampling.bilinear):
            sums[:, down, across][:, known] += values[:, known].astype(np.float64)
            counts[down, across] += known
        means = (sums / np.maximum(counts, 1)).astype(np.float32)
        (found,) = self.kind.products(means, counts > 0, {self.answer: self.profile}).values()
        return found

    def _parts(
        self, pieces: Sequence[Piece], window: Window, resampling: Resampling
    ) -> Iterator[tuple[tuple[slice, slice], NDArray[np.generic], NDArray[np.bool_]]]:
        """Yield what pieces hold of a window, each where it lies: rows and columns in the window, and as `_read`."""
        (top, bottom), (left, right) = window.toranges()
        for piece in pieces:
            first, above, last, below = place_in(self.profile.grid, piece).bounds
            rows = slice(max(floor(above), top), min(ceil(below), bottom))
            columns = slice(max(floor(first), left), min(ceil(last), right))
            if rows.start < rows.stop and columns.start < columns.stop:
                shown = slice(rows.start - top, rows.stop - top), slice(columns.start - left, columns.stop - left)
                yield shown, *self._read(piece, Window.from_slices(rows, columns), resampling)

    def _read(
        self, piece: Piece, window: Window, resampling: Resampling
    ) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
        """Return values (bands, height, width) of a prediction as they lie in the mosaic, and where it has any."""
        grid = self.profile.grid
        # In the CRS of the mosaic a piece lies where its own longitudes say, as its place was told by them.
        crs = piece.grid.crs if piece.grid.crs == grid.crs else piece.grid.reached_crs
        with (
            open_dataset(piece.path) as raster,
            WarpedVRT(
                raster,
                src_crs=crs,
                crs=grid.crs,
                transform=grid.transform,
                width=grid.width,
                height=grid.height,
                nodata=raster.nodata,
                resampling=resampling,
                # rasterio cannot build a transformation of tolerance 0.
                tolerance=1e-9,
                **scales_of(raster, crs, grid),
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
    places = [place_in(grid, piece) for piece in ordered]
    return Mosaic(kind, profile, ordered, options.overlaps, product, shapely.STRtree(places))


def bad_blocks_of(pieces: Sequence[Piece]) -> list[dict[str, Any]]:
    """Return the files of scenes of which blocks could not be decoded, each with its scene."""
    return [
        {"scene": piece.key, **file}
        for piece in sorted(pieces, key=lambda piece: piece.key)
        for file in json.loads(piece.tags.get(TAG, "[]"))
    ]


def _piece(key: str, path: Path, day: date | None) -> Piece:
    with open_dataset(path) as raster:
        tags = {name: text for name, text in raster.tags().items() if name.startswith("GROUNDWORK_")}
        return Piece(key, path, day, require_crs(grid_of(raster), path), tags)


def _in_order(pieces: Sequence[Piece], config: MosaicConfig) -> list[Piece]:
    """Return pieces as they count: by key, or the newest first, of one day by key."""
    if config.overlaps != "newest":
        return list(pieces)
    return sorted(pieces, key=lambda piece: -(piece.day or date.min).toordinal())

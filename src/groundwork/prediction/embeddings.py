"""The features of a scene as a raster: one cell for each cell of the encoder's map, a band for each of its channels."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from rasterio.windows import Window
from torch import Tensor

from groundwork.config.inference import EmbeddingsConfig, InferenceConfig
from groundwork.data.scene_stack import SceneStack
from groundwork.errors import SpecError
from groundwork.models.asking import tiles_at_once
from groundwork.models.assembly.embedding import EmbeddingModel
from groundwork.prediction.blending import Tile
from groundwork.progress import track
from groundwork.rasters.grid import Grid
from groundwork.rasters.stream import RasterProfile, RasterStream
from groundwork.rasters.windows import window_starts

logger = logging.getLogger(__name__)

EMBEDDINGS = "embeddings"
#: Steps of int8 on each side of 0, and what stands for no data.
INT8_STEPS, INT8_NODATA = 127, -128
#: Hundreds of bands, of rasters that are small: the smallest blocks that a Cloud-Optimized GeoTIFF may have.
BLOCK_SIZE = 128

#: Gives features for tiles.
Embed: TypeAlias = Callable[[Sequence[Tile]], Sequence[NDArray[np.float32]]]


class Features:
    """Features are taken as they are. In the place of a kind of answer, for whoever asks the model for tiles."""

    per = "pixel"

    def activate(self, scores: Tensor) -> Tensor:
        """Return features as they are."""
        return scores


@dataclass(frozen=True, slots=True)
class CellTiles:
    """Tiles along one axis, in cells: each cell is taken from the tile in which it lies farthest from an edge."""

    starts: tuple[int, ...]
    #: First cell that is taken of each tile, and the one behind the last of them.
    borders: tuple[int, ...]


def make_cell_tiles(num_cells: int, tile: int, margin: int) -> CellTiles:
    """Lay tiles of so many cells over so many cells; ``margin`` of them at each inner edge are taken of a neighbour."""
    starts = window_starts(num_cells, tile, tile - 2 * margin)
    inner = [(before + tile + after + 1) // 2 for before, after in pairwise(starts)]
    return CellTiles(tuple(starts), (0, *inner, num_cells))


def embed_scene(
    model: EmbeddingModel, embed: Embed, stack: SceneStack, config: InferenceConfig, tags: Mapping[str, str], name: str
) -> RasterStream:
    """Return the embeddings of a scene as a stream.

    Cells begin at the upper left corner of the scene; those at its right and lower edge may reach beyond it. A model
    that pools gives one cell for each tile.

    Args:
        model: Says the size of a cell.
        embed: Asks it.
        stack: The opened scene.
        config: Tiles, and the type of the raster.
        tags: What the raster says of its origin.
        name: Of the scene, for the terminal.

    Raises:
        SpecError: For tiles that are not made of whole cells.
    """
    cell = config.tile_size if model.pooling != "none" else model.stride
    check_tiles(config, cell, model)
    grid = stack.grid
    rows, columns = (
        make_cell_tiles(-(-length // cell), config.tile_size // cell, config.overlap // 2 // cell)
        for length in (grid.height, grid.width)
    )
    width, height = -(-grid.width // cell), -(-grid.height // cell)
    transform = grid.transform @ Affine.scale(cell) if grid.crs is not None else grid.transform
    profile = profile_of(Grid(grid.crs, transform, width, height), model.num_channels, config.embeddings, tags)
    tiles = _tiles(rows, columns, config.tile_size // cell)
    size = tiles_at_once(config)
    steps = track(_groups(tiles, size), f"Embedding {name}", -(-len(tiles) // size))
    encoding = Encoding(config.embeddings, name)
    blocks = _blocks(steps, embed, stack, cell, model.num_channels, encoding)
    return RasterStream({EMBEDDINGS: profile}, blocks)


def check_tiles(config: InferenceConfig, cell: int, model: EmbeddingModel) -> None:
    """Refuse tiles that are not made of whole cells, or would be padded, which shifts them.

    Raises:
        SpecError: With what to set.
    """
    size, overlap = config.tile_size, config.overlap
    multiple = np.lcm(cell, model.sizes.multiple_for((size, size)))
    if size % multiple:
        near = max(size // multiple, 1) * multiple
        raise SpecError(
            f"inference.tile_size is {size}, and embeddings lie on cells of {cell} pixels, which tiles are made of: "
            f"set it to a multiple of {multiple}, such as {near}"
        )
    if overlap % (2 * cell):
        near = [overlap // (2 * cell) * 2 * cell, -(-overlap // (2 * cell)) * 2 * cell]
        fitting = [value for value in near if 2 * value <= size]
        raise SpecError(
            f"inference.overlap is {overlap}, and embeddings lie on cells of {cell} pixels, of which each tile leaves "
            f"half the overlap to its neighbour: set it to {' or '.join(map(str, fitting))}"
        )


def profile_of(grid: Grid, num_channels: int, config: EmbeddingsConfig, tags: Mapping[str, str]) -> RasterProfile:
    """Return what the raster of embeddings holds."""
    digits = len(str(num_channels - 1))
    bands = tuple(f"embedding_{number:0{digits}d}" for number in range(num_channels))
    if config.dtype == "float32":
        return RasterProfile(grid, "float32", bands, float("nan"), tags=tags, block_size=BLOCK_SIZE)
    scalings = ((config.scale, 0.0),) * num_channels
    return RasterProfile(grid, "int8", bands, INT8_NODATA, tags=tags, scalings=scalings, block_size=BLOCK_SIZE)


class Encoding:
    """Turns features into the values of the raster, and counts those that do not fit."""

    def __init__(self, config: EmbeddingsConfig, name: str) -> None:
        self._config, self._name = config, name
        self._beyond = self._count = 0

    def encode(self, features: NDArray[np.float32], valid: NDArray[np.bool_]) -> NDArray[np.generic]:
        """Return the values (channels, rows, columns) of cells; nodata where no pixel of a cell holds data."""
        if self._config.dtype == "float32":
            return np.where(valid, features, np.float32(np.nan)).astype(np.float32)
        steps = np.rint(features / self._config.scale)
        self._beyond += int((np.abs(steps[:, valid]) > INT8_STEPS).sum())
        self._count += int(valid.sum()) * len(features)
        return np.where(valid, steps.clip(-INT8_STEPS, INT8_STEPS), INT8_NODATA).astype(np.int8)

    def warn(self) -> None:
        """Say how many values were cut off."""
        if self._beyond:
            logger.warning(
                "%s: %.3g %% of the values of embeddings lie beyond inference.embeddings.limit, %g, and were cut off. "
                "Raise it where that is too many.",
                self._name,
                100 * self._beyond / self._count,
                self._config.limit,
            )


@dataclass(frozen=True, slots=True)
class _CellTile:
    """A tile in cells: where it begins, and the part of it that is taken."""

    row: int
    column: int
    size: int
    taken: Window


def _tiles(rows: CellTiles, columns: CellTiles, size: int) -> list[_CellTile]:
    return [
        _CellTile(row, column, size, Window(left, top, right - left, bottom - top))
        for row, top, bottom in zip(rows.starts, rows.borders[:-1], rows.borders[1:], strict=True)
        for column, left, right in zip(columns.starts, columns.borders[:-1], columns.borders[1:], strict=True)
    ]


def _groups(tiles: Sequence[_CellTile], size: int) -> Iterator[Sequence[_CellTile]]:
    for first in range(0, len(tiles), size):
        yield tiles[first : first + size]


def _blocks(
    groups: Iterator[Sequence[_CellTile]],
    embed: Embed,
    stack: SceneStack,
    cell: int,
    num_channels: int,
    encoding: Encoding,
) -> Iterator[tuple[Window, Mapping[str, NDArray[np.generic]]]]:
    for group in groups:
        windows = [Window(t.column * cell, t.row * cell, t.size * cell, t.size * cell) for t in group]
        read = [(window, stack.read(window)) for window in windows]
        # A tile without any data gives nothing that is kept.
        given = iter(embed(asked) if (asked := [tile for tile in read if tile[1].known.any()]) else ())
        for tile, (_, patch) in zip(group, read, strict=True):
            nothing = np.zeros((num_channels, tile.size, tile.size), np.float32)
            by_cell = next(given).reshape(nothing.shape) if patch.known.any() else nothing
            known = np.asarray(patch.known.reshape(tile.size, cell, tile.size, cell).any(axis=(1, 3)))
            (top, bottom), (left, right) = tile.taken.toranges()
            part = slice(top - tile.row, bottom - tile.row), slice(left - tile.column, right - tile.column)
            yield tile.taken, {EMBEDDINGS: encoding.encode(by_cell[:, *part], known[part])}
    encoding.warn()

"""Find the objects of a scene of any size, tile by tile."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from groundwork.batch import Patch
from groundwork.bundle import Bundle
from groundwork.config.data import read_by_model
from groundwork.config.inference import InferenceConfig
from groundwork.data.scene_stack import SceneStack
from groundwork.models.asking import engine_of, scorer_of, tiles_at_once
from groundwork.models.interface import Model
from groundwork.prediction.areas import with_areas
from groundwork.prediction.beside import has_room, run_ahead
from groundwork.prediction.blending import Tile
from groundwork.prediction.joining import Found, join, together
from groundwork.prediction.outlines import outlines_in_scene
from groundwork.prediction.provenance import provenance_tags
from groundwork.prediction.tile_predictor import TilePredictor
from groundwork.prediction.tiles import Axis, make_axis
from groundwork.progress import track
from groundwork.rasters.features import FeatureLayer, boxes
from groundwork.targets.legends import legend_of
from groundwork.targets.object_masks import BOX_COLUMNS, has_cells
from groundwork.targets.objects import ObjectBoxes

#: Row and column of a tile, and the tile.
_Numbered: TypeAlias = tuple[tuple[int, int], Tile]


def find_objects(
    model: Model, stack: SceneStack, bundle: Bundle, config: InferenceConfig, name: str = ""
) -> FeatureLayer:
    """Return the objects of a scene on the grid of its reference: as outlines where the model says them, or as boxes.

    Memory holds a batch of tiles, the next where it is read meanwhile, and all boxes and outlines.

    Args:
        model: The bundle's model, in evaluation mode.
        stack: The opened scene.
        bundle: Says what the classes are, and where the weights came from.
        config: Tiles and overlap.
        name: What the scene is called in tags and on the terminal; its file's name where empty.
    """
    kind, grid = ObjectBoxes(bundle.config.target), stack.grid
    has_dates = any(stack.dates(source) is not None for source in read_by_model(bundle.config.inputs))
    model.require_coordinates(time=has_dates, location=grid.crs is not None)
    engine = engine_of(scorer_of(model, kind, config), config)
    predictor = TilePredictor(engine, kind, stack, bundle)
    rows, columns = (make_axis(length, config.tile_size, config.overlap) for length in (grid.height, grid.width))
    name = name or stack.reference.path.stem
    size = tiles_at_once(config)
    steps = -(-len(rows.starts) * len(columns.starts) // size)
    parts = [Found(np.zeros((0, 6)), np.zeros((0, 2), np.int64))]
    batches = run_ahead(_batches(_read(stack, rows, columns), size), has_room(engine.device))
    for batch in track(batches, f"Predicting {name}", steps):
        given = predictor.predict([tile for _, tile in batch])
        parts += [_in_scene(number, tile, found) for (number, tile), found in zip(batch, given, strict=True)]
    single = join(together(parts), rows, columns)
    tags = provenance_tags(bundle, name, config)
    shapes = boxes(single.rows[:, :4]) if single.outlines is None else single.outlines.tolist()
    layer = FeatureLayer(grid, shapes, kind.columns_of(single.rows), tags, legend_of(bundle.config.target))
    # A box has none of its object. Where nothing was found, the layer has the columns that it mostly has.
    has_outlines = single.outlines is not None or (not len(single.rows) and kind.objects.masks)
    return with_areas(layer) if has_outlines else layer


def _read(stack: SceneStack, rows: Axis, columns: Axis) -> Iterator[_Numbered]:
    for row, column in product(range(len(rows.starts)), range(len(columns.starts))):
        window = Window(columns.starts[column], rows.starts[row], columns.size, rows.size)
        patch = stack.read(window)
        # There is nothing to be found where there is no data.
        if patch.known.any():
            yield (row, column), (window, patch)


def _batches(tiles: Iterator[_Numbered], size: int) -> Iterator[Sequence[_Numbered]]:
    batch: list[_Numbered] = []
    for tile in tiles:
        batch.append(tile)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def _in_scene(number: tuple[int, int], tile: Tile, given: NDArray[np.float32]) -> Found:
    """Return what was found in a tile, in pixels of the scene; what lies on ground without data is left out."""
    window, patch = tile
    given = given[given[:, 4] > 0]
    given = given[_has_data(given, patch)]
    rows = given[:, :BOX_COLUMNS].astype(np.float64)
    rows[:, :4] += [window.col_off, window.row_off, window.col_off, window.row_off]
    outlines = outlines_in_scene(given, window, patch) if has_cells(given) else None
    return Found(rows, np.tile(np.array(number, np.int64), (len(rows), 1)), outlines)


def _has_data(rows: NDArray[np.float32], patch: Patch) -> NDArray[np.bool_]:
    height, width = patch.size
    down = ((rows[:, 1] + rows[:, 3]) / 2).astype(int).clip(0, height - 1)
    across = ((rows[:, 0] + rows[:, 2]) / 2).astype(int).clip(0, width - 1)
    return np.asarray(patch.known[down, across])

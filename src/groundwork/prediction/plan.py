"""What a scene's rasters will be made of: tiles, and what becomes of their scores."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from rasterio.windows import Window

from groundwork.bundle import Bundle
from groundwork.config.inference import InferenceConfig, PolygonsConfig
from groundwork.data.scene_stack import SceneStack
from groundwork.errors import SpecError
from groundwork.models.asking import engine_of, scorer_of, tiles_at_once
from groundwork.models.engine import Scorer
from groundwork.models.interface import Model
from groundwork.models.painting import UnseenPainter, require_painter
from groundwork.prediction.beside import has_room, run_ahead
from groundwork.prediction.blending import Tiling, blend, largest_batch
from groundwork.prediction.chips import ChipAnswers
from groundwork.prediction.painted import PaintedScene
from groundwork.prediction.polygons import ClassPolygons
from groundwork.prediction.tile_predictor import TilePredictor
from groundwork.prediction.tiles import Axis, make_axis
from groundwork.progress import track
from groundwork.rasters.bad_blocks import BadFile
from groundwork.rasters.features import together
from groundwork.rasters.grid import Grid
from groundwork.rasters.stream import RasterProfile, RasterStream
from groundwork.targets.classes import CLASSES
from groundwork.targets.image_answers import ImageAnswers
from groundwork.targets.kind import Products, RasterKind
from groundwork.targets.kinds import kind_of


@dataclass(frozen=True, slots=True)
class RasterPlan:
    """The rasters of a scene, before a model is asked."""

    #: What the scene is called at the terminal.
    name: str
    kind: RasterKind | PaintedScene
    profiles: Mapping[str, RasterProfile]
    tiling: Tiling
    #: What is kept of each tile, where it has one answer.
    chips: ChipAnswers | None
    polygons: PolygonsConfig | None
    #: As of :class:`RasterStream`.
    bad_files: Callable[[], tuple[BadFile, ...]]

    def blocks(self, rows: range | None = None) -> Iterator[tuple[Window, Products]]:
        """Ask the model, and yield the blocks of some rows of tiles, or of all: band by band, from above to below."""
        wanted = self.tiling.all_rows if rows is None else rows
        steps = self.tiling.num_steps * len(wanted) // len(self.tiling.all_rows)
        blended = run_ahead(blend(self.tiling, wanted), self.tiling.has_room)
        for window, scores, valid in track(blended, f"Predicting {self.name}", steps):
            products = self.kind.products(scores, valid, self.profiles)
            # Scores of a row would else lie in memory while the model is asked for the next.
            del scores, valid
            yield window, products

    def stream(self, blocks: Iterator[tuple[Window, Products]]) -> RasterStream:
        """Return the rasters, with what is found on the way.

        Args:
            blocks: Those of all rows.
        """
        streams = [] if self.chips is None else [self.chips.stream()]
        if self.polygons is not None:
            outlines = ClassPolygons(CLASSES, self.profiles[CLASSES], self.polygons)
            blocks = outlines.keeping(blocks)
            streams.append(outlines.stream())
        return RasterStream(self.profiles, blocks, together(streams), self.bad_files)


def plan_rasters(
    model: Model, stack: SceneStack, bundle: Bundle, config: InferenceConfig, tags: Mapping[str, str], name: str
) -> RasterPlan:
    """Return how the rasters of a scene are made. Arguments are those of :func:`groundwork.prediction.scene`."""
    grid = stack.grid
    products, scorer = _products_of(model, bundle, config)
    rows, columns = axes_of(grid, config)
    size = tiles_at_once(config)
    if config.compile:
        # All batches are filled up to one size: that of full rows, so that little is asked for in vain.
        size = largest_batch(columns, size)
    engine = engine_of(scorer, config, size)
    predict = TilePredictor(engine, products, stack, bundle).predict
    chips = ChipAnswers(products, products.num_outputs, grid, tags) if isinstance(products, ImageAnswers) else None
    tiling = Tiling(
        rows=rows,
        columns=columns,
        read=stack.read,
        predict=predict if chips is None else chips.keeping(predict),
        num_outputs=products.num_outputs,
        batch_size=size,
        has_room=has_room(engine.device),
    )
    profiles = products.profiles(grid, tags, details=config.details)
    return RasterPlan(name, products, profiles, tiling, chips, config.polygons, stack.bad_files)


def axes_of(grid: Grid, config: InferenceConfig) -> tuple[Axis, Axis]:
    """Return the rows and the columns of tiles of a scene."""
    size, overlap = config.tile_size, config.overlap
    return make_axis(grid.height, size, overlap), make_axis(grid.width, size, overlap)


def _products_of(model: Model, bundle: Bundle, config: InferenceConfig) -> tuple[RasterKind | PaintedScene, Scorer]:
    """Return what comes of a model's output, and who asks it."""
    if model.produces == "reconstruction":
        painter = require_painter(model)
        return PaintedScene(bundle.config.inputs[painter.source]), UnseenPainter(painter)
    kind = kind_of(bundle.config.target)
    if not isinstance(kind, RasterKind):
        raise SpecError(f"Answers per {kind.per} are no raster: find them by 'find_objects'")
    return kind, scorer_of(model, kind, config)

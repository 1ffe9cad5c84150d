"""Predict a scene of any size with a bundle."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from rasterio.windows import Window
from torch import Tensor

from groundwork.batch import Images, by_name
from groundwork.batch import stack as stacked
from groundwork.bundle import Bundle
from groundwork.config.data import read_by_model
from groundwork.config.inference import InferenceConfig
from groundwork.data.sample_table import to_days
from groundwork.data.scene_stack import SceneStack, folders_by_source, open_checked, require_sources
from groundwork.models.assembly.embedding import EmbeddingModel
from groundwork.models.engine import Engine, ModelScorer, Scorer
from groundwork.models.interface import Model
from groundwork.models.painting import UnseenPainter, require_painter
from groundwork.prediction.blending import Tile, Tiling, blend, run_ahead
from groundwork.prediction.embeddings import Features, embed_scene
from groundwork.prediction.painted import PaintedScene
from groundwork.prediction.source import scene_specs, unit_change, warn_of_pixel_size
from groundwork.prediction.tiles import make_axis
from groundwork.progress import track
from groundwork.rasters.folder import RasterFolder
from groundwork.rasters.opening import open_dataset
from groundwork.rasters.stream import RasterProfile, RasterStream
from groundwork.specs import RasterSpec
from groundwork.targets.classes import CLASSES
from groundwork.targets.kind import Products, TargetKind
from groundwork.targets.kinds import kind_of

__all__ = ["CLASSES", "Predictions", "predict_scene", "predict_scenes", "was_predicted"]


@dataclass(frozen=True, slots=True)
class Predictions:
    """Predictions of several scenes that do not exist yet, one after the other."""

    #: Scene key, and its stream of products.
    streams: Iterator[tuple[str, RasterStream]]


def predict_scenes(
    bundle: Bundle, scenes: RasterFolder | Mapping[str, RasterFolder], config: InferenceConfig
) -> Predictions:
    """Predict each scene, whether it has a label or not.

    All scenes are opened and checked before the first is predicted.

    Args:
        bundle: A trained one.
        scenes: Rasters of the only source, or of each by name.
        config: How they are predicted.

    Raises:
        BundleError: Where the bundle was never trained.
        PairingError: Where a scene lacks a source that the bundle needs.
        RasterError: Where a scene is not what the bundle expects.
    """
    bundle.require_trained()
    specs = scene_specs(bundle.config.inputs, config)
    for source, spec in specs.items():
        warn_of_pixel_size(spec, bundle.config.inputs[source])
    folders = folders_by_source(scenes, specs)
    keys = require_sources(folders, specs)
    for key in track(keys, "Checking scenes", len(keys)):
        open_checked(folders, key, specs).close()
    return Predictions(_predict_each(bundle, folders, keys, specs, config))


def _predict_each(
    bundle: Bundle,
    folders: Mapping[str, RasterFolder],
    keys: Sequence[str],
    specs: Mapping[str, RasterSpec],
    config: InferenceConfig,
) -> Iterator[tuple[str, RasterStream]]:
    model = bundle.build_model()
    for key in keys:
        with open_checked(folders, key, specs) as stack:
            profiles = predict_scene(model, stack, bundle, config, key).profiles
        # Opened when its turn comes, so that streams can be kept and drained in any order.
        yield key, RasterStream(profiles, _read_and_predict(model, folders, specs, bundle, config, key))


def _read_and_predict(
    model: Model,
    folders: Mapping[str, RasterFolder],
    specs: Mapping[str, RasterSpec],
    bundle: Bundle,
    config: InferenceConfig,
    key: str,
) -> Iterator[tuple[Window, Mapping[str, NDArray[np.generic]]]]:
    with open_checked(folders, key, specs) as stack:
        yield from predict_scene(model, stack, bundle, config, key).blocks


def predict_scene(
    model: Model, stack: SceneStack, bundle: Bundle, config: InferenceConfig, name: str = ""
) -> RasterStream:
    """Return the prediction of a scene as a stream on the grid of its reference.

    Args:
        model: The bundle's model, in evaluation mode.
        stack: The opened scene.
        bundle: Says what the classes are, and where the weights came from.
        config: Tiles, overlap, and whether probabilities are wanted.
        name: What the scene is called in tags and on the terminal; its file's name where empty.
    """
    grid, name = stack.grid, name or stack.reference.path.stem
    tags = _tags(bundle, name, config)
    has_dates = any(stack.dates(source) is not None for source in read_by_model(bundle.config.inputs))
    model.require_coordinates(time=has_dates, location=grid.crs is not None)
    if isinstance(model, EmbeddingModel):
        embed = TilePredictor(Engine(ModelScorer(model)), Features(), stack, bundle).predict
        return embed_scene(model, embed, stack, config, tags, name)
    products, scorer = _products_of(model, bundle)
    predictor = TilePredictor(Engine(scorer), products, stack, bundle)
    tiling = Tiling(
        rows=make_axis(grid.height, config.tile_size, config.overlap),
        columns=make_axis(grid.width, config.tile_size, config.overlap),
        read=stack.read,
        predict=predictor.predict,
        num_outputs=products.num_outputs,
        batch_size=config.batch_size,
    )
    profiles = products.profiles(grid, tags, details=config.probabilities)
    return RasterStream(profiles, _decide(tiling, products, profiles, name))


def _products_of(model: Model, bundle: Bundle) -> tuple[TargetKind | PaintedScene, Scorer]:
    """Return what comes of a model's output, and who asks it."""
    if model.produces == "reconstruction":
        painter = require_painter(model)
        return PaintedScene(bundle.config.inputs[painter.source]), UnseenPainter(painter)
    return kind_of(bundle.config.target), ModelScorer(model)


def _decide(
    tiling: Tiling, kind: TargetKind | PaintedScene, profiles: Mapping[str, RasterProfile], name: str
) -> Iterator[tuple[Window, Products]]:
    for window, scores, valid in track(run_ahead(blend(tiling)), f"Predicting {name}", tiling.num_steps):
        yield window, kind.products(scores, valid, profiles)


class TilePredictor:
    """Gives activated scores for tiles of one scene."""

    def __init__(
        self, engine: Engine, kind: TargetKind | PaintedScene | Features, stack: SceneStack, bundle: Bundle
    ) -> None:
        """Take what asks the model.

        Args:
            engine: With the model.
            kind: What its scores mean.
            stack: The scene whose tiles will come.
            bundle: Says what the model reads; raw values in other units are converted to its own.
        """
        self._engine, self._kind, self._stack = engine, kind, stack
        changes = {name: unit_change(scene.spec, bundle.config.inputs[name]) for name, scene in stack.scenes().items()}
        self._conversions = {source: change for source, change in changes.items() if change is not None}
        dates = {source: stack.dates(source) for source in by_name(read_by_model(bundle.config.inputs))}
        self._dates = {source: torch.from_numpy(to_days(days)) for source, days in dates.items() if days is not None}

    @torch.inference_mode()
    def predict(self, tiles: Sequence[Tile]) -> Sequence[NDArray[np.float32]]:
        """Return activated scores (outputs, height, width) for each tile.

        Raises:
            ScoreError: Where the model gives no numbers.
        """
        windows, patches = [window for window, _ in tiles], [patch for _, patch in tiles]
        images = stacked(patches)
        # Most tiles hold data everywhere; the model then has nothing to fill in.
        valid = {source: mask for source, mask in images.valid.items() if not bool(mask.all())}
        dates = {source: days.expand(len(tiles), -1, -1) for source, days in self._dates.items()}
        given = Images(images.values, valid, dates, self._locations(windows))
        first, last, path = windows[0], windows[-1], self._stack.reference.path
        where = f"{path}, from row {first.row_off}, columns {first.col_off} to {last.col_off + last.width}"
        scores = self._engine.scores(given, where, self._conversions)
        activated: NDArray[np.float32] = self._kind.activate(scores).float().cpu().numpy()
        if self._kind.per == "image":
            size = patches[0].size
            return list(np.broadcast_to(activated[..., None, None], (*activated.shape, *size)).copy())
        return list(activated)

    def _locations(self, windows: Sequence[Window]) -> Tensor | None:
        if "location" not in self._engine.coordinates:
            return None
        centers = [self._stack.grid.part(window).center_coordinates() for window in windows]
        if None in centers:
            return None
        return torch.tensor(centers, dtype=torch.float32)


def was_predicted(path: Path) -> bool:
    """Whether a file is a prediction, by its tags; False where there is none."""
    if not path.is_file():
        return False
    with open_dataset(path) as raster:
        return "GROUNDWORK_MODEL" in raster.tags()


def _tags(bundle: Bundle, name: str, config: InferenceConfig) -> dict[str, str]:
    target = bundle.config.target
    classes = {entry.name: entry.value for entry in target.classes}
    outputs = {output.name: output.unit for output in target.outputs}
    what = {"GROUNDWORK_OUTPUTS": json.dumps(outputs)} if outputs else {"GROUNDWORK_CLASSES": json.dumps(classes)}
    return {
        **(what if bundle.produces == "answers" else {"GROUNDWORK_PRODUCT": bundle.produces}),
        "GROUNDWORK_INPUT": name,
        "GROUNDWORK_MODEL": bundle.config.model.title(),
        "GROUNDWORK_TILES": f"size {config.tile_size}, overlap {config.overlap}",
        **{f"GROUNDWORK_{name.upper()}": value for name, value in sorted(bundle.config.provenance.items())},
    }

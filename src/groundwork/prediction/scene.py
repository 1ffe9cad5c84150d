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

from groundwork.batch import Images, Patch, stack
from groundwork.bundle import Bundle
from groundwork.config.inference import InferenceConfig
from groundwork.data.sample_table import to_days
from groundwork.models.engine import Engine, ModelScorer
from groundwork.models.interface import Model
from groundwork.prediction.blending import Tile, Tiling, blend, run_ahead
from groundwork.prediction.source import scene_spec, unit_change, warn_of_pixel_size
from groundwork.prediction.tiles import make_axis
from groundwork.progress import track
from groundwork.rasters.folder import RasterFolder
from groundwork.rasters.opening import open_dataset
from groundwork.rasters.scene import Scene
from groundwork.rasters.stream import RasterProfile, RasterStream
from groundwork.specs import RasterSpec
from groundwork.targets.kind import Products, TargetKind
from groundwork.targets.kinds import kind_of
from groundwork.targets.pixel_classes import CLASSES

__all__ = ["CLASSES", "Predictions", "predict_scene", "predict_scenes", "was_predicted"]


@dataclass(frozen=True, slots=True)
class Predictions:
    """Predictions of several scenes that do not exist yet, one after the other."""

    #: Scene key, and its stream of products.
    streams: Iterator[tuple[str, RasterStream]]


def predict_scenes(bundle: Bundle, scenes: RasterFolder, config: InferenceConfig) -> Predictions:
    """Predict each scene of a folder, whether it has a label or not.

    All scenes are opened and checked before the first is predicted.

    Raises:
        BundleError: Where the bundle was never trained.
        RasterError: Where a scene is not what the bundle expects.
    """
    bundle.require_trained()
    expected = bundle.only_input()
    spec = scene_spec(expected, config)
    warn_of_pixel_size(spec, expected)
    for key in track(scenes.files, "Checking scenes", len(scenes.files)):
        with Scene(scenes.paths(key), spec) as scene:
            _ = scene.grid, scene.dates
    return Predictions(_predict_each(bundle, scenes, spec, config))


def _predict_each(
    bundle: Bundle, scenes: RasterFolder, spec: RasterSpec, config: InferenceConfig
) -> Iterator[tuple[str, RasterStream]]:
    model = bundle.build_model()
    for key in scenes.files:
        paths = scenes.paths(key)
        with Scene(paths, spec) as scene:
            profiles = predict_scene(model, scene, bundle, config, key).profiles
        # Opened when its turn comes, so that streams can be kept and drained in any order.
        yield key, RasterStream(profiles, _read_and_predict(model, paths, spec, bundle, config, key))


def _read_and_predict(
    model: Model, paths: Sequence[Path], spec: RasterSpec, bundle: Bundle, config: InferenceConfig, key: str
) -> Iterator[tuple[Window, Mapping[str, NDArray[np.generic]]]]:
    with Scene(paths, spec) as scene:
        yield from predict_scene(model, scene, bundle, config, key).blocks


def predict_scene(model: Model, scene: Scene, bundle: Bundle, config: InferenceConfig, name: str = "") -> RasterStream:
    """Return the prediction of a scene as a stream on the scene's own grid.

    Args:
        model: The bundle's model, in evaluation mode.
        scene: The opened scene.
        bundle: Says what the classes are, and where the weights came from.
        config: Tiles, overlap, and whether probabilities are wanted.
        name: What the scene is called in tags and on the terminal; its file's name where empty.
    """
    target, grid = bundle.config.target, scene.grid
    kind = kind_of(target)
    model.require_coordinates(time=scene.dates is not None, location=grid.crs is not None)
    predictor = TilePredictor(Engine(ModelScorer(model)), kind, scene, bundle)
    tiling = Tiling(
        rows=make_axis(grid.height, config.tile_size, config.overlap),
        columns=make_axis(grid.width, config.tile_size, config.overlap),
        read=predictor.read,
        predict=predictor.predict,
        num_outputs=target.num_outputs,
        batch_size=config.batch_size,
    )
    name = name or scene.path.stem
    tags = _tags(bundle, name, config)
    profiles = kind.profiles(grid, tags, details=config.probabilities)
    return RasterStream(profiles, _decide(tiling, kind, profiles, name))


def _decide(
    tiling: Tiling, kind: TargetKind, profiles: Mapping[str, RasterProfile], name: str
) -> Iterator[tuple[Window, Products]]:
    for window, scores, valid in track(run_ahead(blend(tiling)), f"Predicting {name}", tiling.num_steps):
        yield window, kind.products(scores, valid, profiles)


class TilePredictor:
    """Gives activated scores for tiles of one scene."""

    def __init__(self, engine: Engine, kind: TargetKind, scene: Scene, bundle: Bundle) -> None:
        """Take what asks the model.

        Args:
            engine: With the model.
            kind: What its scores mean.
            scene: Whose tiles will come.
            bundle: Says what the model reads; raw values in other units are converted to its own.
        """
        self._source = bundle.only_source()
        change = unit_change(scene.spec, bundle.only_input())
        self._conversions = {} if change is None else {self._source: change}
        self._engine, self._kind, self._scene = engine, kind, scene
        self._dates = None if scene.dates is None else torch.from_numpy(to_days(scene.dates))

    def read(self, window: Window) -> Patch:
        """Read a window of the scene."""
        values, valid = self._scene.read(window)
        return Patch({self._source: values}, {self._source: valid})

    @torch.inference_mode()
    def predict(self, tiles: Sequence[Tile]) -> Sequence[NDArray[np.float32]]:
        """Return activated scores (outputs, height, width) for each tile.

        Raises:
            ScoreError: Where the model gives no numbers.
        """
        windows, patches = [window for window, _ in tiles], [patch for _, patch in tiles]
        images = stack(patches)
        # Most tiles hold data everywhere; the model then has nothing to fill in.
        valid = {source: mask for source, mask in images.valid.items() if not bool(mask.all())}
        dates = {} if self._dates is None else {self._source: self._dates.expand(len(tiles), -1, -1)}
        given = Images(images.values, valid, dates, self._locations(windows))
        first, last = windows[0], windows[-1]
        where = f"{self._scene.path}, from row {first.row_off}, columns {first.col_off} to {last.col_off + last.width}"
        scores = self._engine.scores(given, where, self._conversions)
        activated: NDArray[np.float32] = self._kind.activate(scores).float().cpu().numpy()
        return list(activated)

    def _locations(self, windows: Sequence[Window]) -> Tensor | None:
        if "location" not in self._engine.coordinates:
            return None
        centers = [self._scene.grid.part(window).center_coordinates() for window in windows]
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
    return {
        "GROUNDWORK_CLASSES": json.dumps({entry.name: entry.value for entry in bundle.config.target.classes}),
        "GROUNDWORK_INPUT": name,
        "GROUNDWORK_MODEL": bundle.config.model.title(),
        "GROUNDWORK_TILES": f"size {config.tile_size}, overlap {config.overlap}",
        **{f"GROUNDWORK_{name.upper()}": value for name, value in sorted(bundle.config.provenance.items())},
    }

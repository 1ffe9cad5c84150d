"""Predict a scene of any size with a bundle."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeAlias

from rasterio.windows import Window

from groundwork.bundle import Bundle
from groundwork.config.data import read_by_model
from groundwork.config.inference import InferenceConfig
from groundwork.data.scene_stack import SceneStack
from groundwork.models.asking import engine_of, ready_to_ask, refuse_asking, refuse_compiling, require_able
from groundwork.models.assembly.embedding import EmbeddingModel
from groundwork.models.dropout import dropouts_of
from groundwork.models.engine import ModelScorer
from groundwork.models.interface import Model
from groundwork.prediction.embeddings import Features, embed_scene
from groundwork.prediction.inputs import SceneInputs, area_of, check_scenes
from groundwork.prediction.likeness import warn_of_unlike
from groundwork.prediction.objects import find_objects
from groundwork.prediction.plan import RasterPlan, plan_rasters
from groundwork.prediction.provenance import provenance_tags
from groundwork.prediction.record import Origin, run_of
from groundwork.prediction.source import (
    require_answers,
    require_meaning,
    require_processes,
    scene_specs,
    warn_of_ground,
    warn_of_pixel_size,
    warn_of_steps,
)
from groundwork.prediction.tile_predictor import TilePredictor
from groundwork.rasters.area import Area
from groundwork.rasters.bad_blocks import BadFile
from groundwork.rasters.features import FeatureStream, Layer
from groundwork.rasters.folder import RasterFolder
from groundwork.rasters.stream import RasterStream
from groundwork.targets.classes import CLASSES
from groundwork.targets.kind import Products
from groundwork.targets.kinds import kind_of
from groundwork.targets.objects import OBJECTS, ObjectBoxes

__all__ = ["CLASSES", "Predictions", "predict_scene", "predict_scenes"]


#: Key of a scene, and its stream of products.
KeyedStream: TypeAlias = tuple[str, RasterStream | FeatureStream]


@dataclass(frozen=True, slots=True)
class Predictions:
    """Predictions of several scenes that do not exist yet."""

    #: Key of each scene -> what it is predicted from.
    origins: Mapping[str, Origin]
    #: Gives the streams of some of them, one after the other.
    predict: Callable[[Sequence[str]], Iterator[KeyedStream]]
    config: InferenceConfig

    @property
    def streams(self) -> Iterator[KeyedStream]:
        """The streams of all scenes, one after the other."""
        return self.predict(tuple(self.origins))

    @property
    def has_none(self) -> bool:
        """Whether a part of the scenes is predicted, of more parts than scenes, and it has none."""
        shard = self.config.shard
        return shard is not None and not shard.part_of(list(self.origins))


def predict_scenes(
    bundle: Bundle,
    scenes: RasterFolder | Mapping[str, RasterFolder],
    config: InferenceConfig,
    area: Area | None = None,
) -> Predictions:
    """Predict each scene, whether it has a label or not.

    All scenes are opened and checked before the first is predicted.

    Args:
        bundle: A trained one.
        scenes: Rasters of the only source, or of each by name.
        config: How they are predicted.
        area: Polygons to which prediction is limited, where ``config`` names no area.

    Raises:
        BundleError: Where the bundle was never trained.
        SpecError: For an option that has no meaning for what is predicted, and dropout that the model does not have.
        ComponentError: For a device that is not here, and where programs are missing that compiling takes.
        PairingError: Where a scene lacks a source that the bundle needs, or nothing lies in the area.
        RasterError: Where a scene is not what the bundle expects.
    """
    check_meaning(bundle, config)
    require_able(config)
    if config.dropout_samples:
        dropouts_of(bundle.build_model())
    inputs = _open_all(bundle, scenes, config, area)
    if inputs.undated and "time" in bundle.build_model().coordinates:
        inputs.require_dates()
    warn_of_unlike(bundle, inputs)
    run = run_of(bundle, config, inputs.area)
    origins = {key: Origin(key, inputs, run) for key in inputs.dates}
    return Predictions(origins, partial(_predict_each, bundle, inputs, config), config)


def check_inputs(
    bundle: Bundle,
    scenes: RasterFolder | Mapping[str, RasterFolder],
    config: InferenceConfig,
    area: Area | None = None,
) -> SceneInputs:
    """Return the scenes that a bundle is to predict, checked. Arguments and errors are those of `predict_scenes`."""
    check_meaning(bundle, config)
    return _open_all(bundle, scenes, config, area)


def _open_all(
    bundle: Bundle, scenes: RasterFolder | Mapping[str, RasterFolder], config: InferenceConfig, area: Area | None
) -> SceneInputs:
    specs = scene_specs(bundle.config.inputs, config)
    for source, spec in specs.items():
        warn_of_pixel_size(spec, bundle.config.inputs[source], "inference.source")
        warn_of_steps(spec, bundle.config.inputs[source], "inference.source")
    inputs = check_scenes(scenes, specs, config, area_of(config, area))
    reference = inputs.reference
    warn_of_ground(inputs.grids, specs[reference].pixel_size_m or bundle.config.inputs[reference].pixel_size_m)
    return inputs


def check_meaning(bundle: Bundle, config: InferenceConfig) -> None:
    """Refuse options that have no meaning for what a bundle predicts.

    Raises:
        BundleError: Where the bundle was never trained.
        SpecError: With what to change.
    """
    bundle.require_trained()
    require_answers(bundle.produces, config)
    require_meaning(bundle.config.target, config)
    require_processes(bundle, config)
    refuse_asking(bundle.produces, config)
    refuse_compiling(bundle.produces, config)


def _predict_each(
    bundle: Bundle, inputs: SceneInputs, config: InferenceConfig, keys: Sequence[str]
) -> Iterator[KeyedStream]:
    if keys:
        yield from predict_each(ready_to_ask(bundle.build_model(), config), bundle, inputs, config, keys)


def predict_each(
    model: Model, bundle: Bundle, inputs: SceneInputs, config: InferenceConfig, keys: Sequence[str]
) -> Iterator[KeyedStream]:
    """Yield the streams of scenes, one after the other.

    Args:
        model: The bundle's model, in evaluation mode.
        bundle: As of :func:`predict_scene`.
        inputs: Scenes that were checked.
        config: How they are predicted.
        keys: Which of them.
    """
    for key in keys:
        if isinstance(kind_of(bundle.config.target), ObjectBoxes):
            met: list[BadFile] = []
            find = partial(_read_and_find, model, inputs, bundle, config, key, met)
            yield key, FeatureStream((OBJECTS,), find, partial(tuple, met))
            continue
        with inputs.open(key) as stack:
            planned = predict_scene(model, stack, bundle, config, key)
        # Opened when its turn comes, so that streams can be kept and drained in any order.
        later = _Later(partial(inputs.open, key), partial(_predict_opened, model, bundle, config, key))
        features = None if planned.features is None else FeatureStream(planned.features.products, later.features)
        yield key, RasterStream(planned.profiles, later.blocks(), features, later.bad_files)


def _predict_opened(
    model: Model, bundle: Bundle, config: InferenceConfig, name: str, stack: SceneStack
) -> RasterStream:
    return predict_scene(model, stack, bundle, config, name)


class _Later:
    """The prediction of a scene that is opened when its first block is asked for."""

    def __init__(self, open_scene: Callable[[], SceneStack], predict: Callable[[SceneStack], RasterStream]) -> None:
        self._open, self._predict = open_scene, predict
        self._features: FeatureStream | None = None
        self._bad: tuple[BadFile, ...] = ()

    def blocks(self) -> Iterator[tuple[Window, Products]]:
        with self._open() as stack:
            stream = self._predict(stack)
            yield from stream.blocks
            self._bad = stream.bad_files()
        self._features = stream.features

    def bad_files(self) -> tuple[BadFile, ...]:
        return self._bad

    def features(self) -> Mapping[str, Layer]:
        if self._features is None:
            raise ValueError("The features of a prediction are there when all of its blocks were taken")
        return self._features.find()


def _read_and_find(
    model: Model, inputs: SceneInputs, bundle: Bundle, config: InferenceConfig, key: str, met: list[BadFile]
) -> Mapping[str, Layer]:
    """Return the objects of a scene, and add files with blocks that cannot be decoded to those that were met."""
    with inputs.open(key) as stack:
        found = find_objects(model, stack, bundle, config, key)
        met += stack.bad_files()
    return {OBJECTS: found}


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
    plan = plan_scene(model, stack, bundle, config, name)
    return plan.stream(plan.blocks()) if isinstance(plan, RasterPlan) else plan


def plan_scene(
    model: Model, stack: SceneStack, bundle: Bundle, config: InferenceConfig, name: str = ""
) -> RasterPlan | RasterStream:
    """Return how a scene is predicted; of embeddings, the prediction. Arguments are those of :func:`predict_scene`."""
    name = name or stack.reference.path.stem
    tags = provenance_tags(bundle, name, config)
    has_dates = any(stack.dates(source) is not None for source in read_by_model(bundle.config.inputs))
    model.require_coordinates(time=has_dates, location=stack.grid.crs is not None)
    if isinstance(model, EmbeddingModel):
        embed = TilePredictor(engine_of(ModelScorer(model), config), Features(), stack, bundle).predict
        return replace(embed_scene(model, embed, stack, config, tags, name), bad_files=stack.bad_files)
    return plan_rasters(model, stack, bundle, config, tags, name)

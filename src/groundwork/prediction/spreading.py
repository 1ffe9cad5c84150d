"""Predict scenes by several processes, or by a cluster: a scene, or a block of one, is a task that leaves files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from groundwork.atomic import partial_folder
from groundwork.bundle import component_names, save_bundle
from groundwork.config.inference import InferenceConfig
from groundwork.data.workers import run_tasks
from groundwork.models.asking import gpus_of
from groundwork.prediction.names import Names
from groundwork.prediction.record import InputFile
from groundwork.prediction.rows import JoiningTask, RowsDone, RowsTask, blocks_of, can_be_cut
from groundwork.prediction.scene import Predictions
from groundwork.prediction.scene_task import SceneTask
from groundwork.prediction.scene_writing import SceneDone
from groundwork.progress import track
from groundwork.table import module_of

_Task: TypeAlias = SceneTask | RowsTask | JoiningTask


@dataclass(frozen=True, slots=True)
class Writing:
    """What is written where."""

    names: Names
    predictions: Predictions
    #: The item of the bundle. None: no items are written.
    model: Path | None
    #: Key -> files of the scene with checksums, where they were read.
    read: Mapping[str, Sequence[InputFile]]


def is_alone(writing: Writing, keys: Sequence[str]) -> bool:
    """Whether this process predicts all scenes itself."""
    config = writing.predictions.config
    if config.engine != "processes":
        return False
    return config.workers == 1 or not keys or (len(keys) == 1 and len(_blocks(writing, keys)[keys[0]]) == 1)


def spread(writing: Writing, keys: Sequence[str]) -> Iterator[tuple[str, SceneDone]]:
    """Predict and write scenes by several processes, and yield what else is known of each, as they are done.

    A scene, or a block of one, whose process was lost is begun again by another.

    Args:
        writing: What is written where.
        keys: Of the scenes.

    Raises:
        DataError: As of :func:`groundwork.data.workers.run_tasks`.
    """
    if not keys:
        return
    with partial_folder(writing.names.folder, _folder_name(writing.predictions.config)) as folder:
        scenes = _tasks(writing, keys, folder / "bundle")
        blocks = {key: rows for key, rows in _blocks(writing, keys).items() if len(rows) > 1}
        for key in blocks:
            (folder / str(keys.index(key))).mkdir()
        cut = {key: _Cut(scenes[key], rows, folder / str(keys.index(key))) for key, rows in blocks.items()}
        yield from _run(scenes, cut, writing.predictions.config)


@dataclass(frozen=True, slots=True)
class _Cut:
    """A scene that is predicted block by block."""

    scene: SceneTask
    blocks: Sequence[range]
    folder: Path

    def tasks(self) -> dict[str, RowsTask]:
        return {f"{self.scene.key}, {rows}": RowsTask(self.scene, rows, self.folder) for rows in self.blocks}

    def joining(self, done: Mapping[str, RowsDone]) -> JoiningTask:
        return JoiningTask(self.scene, self.blocks, self.folder, [done[name] for name in self.tasks()])


def _run(
    scenes: Mapping[str, SceneTask], cut: Mapping[str, _Cut], config: InferenceConfig
) -> Iterator[tuple[str, SceneDone]]:
    """Predict scenes and blocks, and put the blocks of a scene together once all of them are there."""
    blocks = {key: each.tasks() for key, each in cut.items()}
    scene_of = {name: key for key, of_scene in blocks.items() for name in of_scene}
    missing = {key: len(of_scene) for key, of_scene in blocks.items()}
    tasks: dict[str, _Task] = {name: task for of_scene in blocks.values() for name, task in of_scene.items()}
    tasks |= {key: task for key, task in scenes.items() if key not in cut}
    rows: dict[str, RowsDone] = {}

    def joining(name: str, done: SceneDone | RowsDone) -> dict[str, _Task]:
        if not isinstance(done, RowsDone):
            return {}
        key, rows[name] = scene_of[name], done
        missing[key] -= 1
        return {} if missing[key] else {key: cut[key].joining(rows)}

    running = run_tasks(_do, tasks, config, gpus_of(config), joining)
    for name, done in track(running, "Predicting", len(tasks) + len(cut)):
        if isinstance(done, SceneDone):
            yield name, done


def _do(task: _Task) -> SceneDone | RowsDone:
    return task.run()


def _folder_name(config: InferenceConfig) -> str:
    """Return what the folder of a run is called: parts of an array work in the same folder, each with its own."""
    return "bundle" if config.shard is None else f"bundle-{config.shard.index}-of-{config.shard.count}"


def _blocks(writing: Writing, keys: Sequence[str]) -> dict[str, list[range]]:
    """Return the rows of tiles of each block of each scene."""
    origins, config = writing.predictions.origins, writing.predictions.config
    if not can_be_cut(origins[keys[0]].run.bundle):
        config = config.model_copy(update={"block_rows": None})
    return {key: blocks_of(origins[key].inputs.grids[key].height, len(keys), config) for key in keys}


def _tasks(writing: Writing, keys: Sequence[str], place: Path) -> dict[str, SceneTask]:
    """Save the bundle where all processes see it, and return what each scene takes."""
    origins = writing.predictions.origins
    bundle = origins[keys[0]].run.bundle
    save_bundle(bundle, place)
    modules = {module_of(name) for name in component_names(bundle.config.model)} - {""}
    return {
        key: SceneTask(
            bundle=place,
            modules=tuple(sorted(modules)),
            inputs=origins[key].inputs.only(key),
            config=writing.predictions.config,
            names=writing.names,
            key=key,
            files=writing.read.get(key),
            model=writing.model,
        )
        for key in keys
    }

"""Predict scenes by several processes, or by a cluster: a scene is a task that leaves its files behind, and no more."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from groundwork.atomic import partial_folder
from groundwork.bundle import Bundle, component_names, load_bundle, save_bundle
from groundwork.config.inference import InferenceConfig
from groundwork.data.workers import run_tasks
from groundwork.errors import SpecError
from groundwork.models.asking import compiled
from groundwork.models.interface import Model
from groundwork.prediction.inputs import SceneInputs
from groundwork.prediction.names import Names
from groundwork.prediction.record import InputFile, Origin, Run, run_of
from groundwork.prediction.scene import Predictions, predict_each
from groundwork.prediction.scene_writing import write_scene
from groundwork.progress import track


@dataclass(frozen=True, slots=True)
class Writing:
    """What is written where."""

    names: Names
    predictions: Predictions
    #: The item of the bundle. None: no items are written.
    model: Path | None
    #: Key -> files of the scene with checksums, where they were read.
    read: Mapping[str, Sequence[InputFile]]


@dataclass(frozen=True, slots=True)
class SceneTask:
    """A scene that is predicted by whichever process; it is told all that it takes."""

    #: A folder that all processes see.
    bundle: Path
    #: Modules of the user's own that the bundle may name.
    modules: tuple[str, ...]
    inputs: SceneInputs
    config: InferenceConfig
    names: Names
    key: str
    files: Sequence[InputFile] | None
    model: Path | None


@dataclass(frozen=True, slots=True)
class _Prepared:
    """What a process keeps from one scene to the next."""

    bundle: Bundle
    network: Model
    run: Run


#: Folder of the bundle of a run -> what is made of it; of the last run alone.
_PREPARED: dict[Path, _Prepared] = {}


def is_alone(config: InferenceConfig, num_scenes: int) -> bool:
    """Whether this process predicts all scenes itself."""
    return config.engine == "processes" and (config.workers == 1 or num_scenes < 2)


def spread(writing: Writing, keys: Sequence[str]) -> Iterator[tuple[str, pd.DataFrame]]:
    """Predict and write scenes by several processes, and yield what is said of their tiles, as they are done.

    A scene whose process was lost is begun again by another.

    Args:
        writing: What is written where.
        keys: Of the scenes.

    Raises:
        SpecError: For what was read from an exported file, which other processes cannot be given.
        DataError: As of :func:`groundwork.data.workers.run_tasks`.
    """
    origins, config, names = writing.predictions.origins, writing.predictions.config, writing.names
    if not keys:
        return
    first = origins[keys[0]]
    bundle = first.run.bundle
    if bundle.exported is not None:
        raise SpecError(
            "'inference.workers' and 'engine' give the bundle to other processes, and an exported file stays in one: "
            "set 'workers: 1' and 'engine: processes', or predict with the bundle itself"
        )
    modules = {name.replace(":", ".").rpartition(".")[0] for name in component_names(bundle.config.model)} - {""}
    with partial_folder(names.folder, "bundle") as folder:
        place = folder / "bundle"
        save_bundle(bundle, place)
        tasks = {
            key: SceneTask(
                bundle=place,
                modules=tuple(sorted(modules)),
                inputs=origins[key].inputs,
                config=config,
                names=names,
                key=key,
                files=writing.read.get(key),
                model=writing.model,
            )
            for key in keys
        }
        done = run_tasks(predict_and_write, tasks, config)
        yield from ((key, table) for key, table in track(done, "Predicting", len(tasks)) if table is not None)


def predict_and_write(task: SceneTask) -> pd.DataFrame | None:
    """Predict a scene, write its files, and return what is said of its tiles, where each has an answer."""
    known = _PREPARED.get(task.bundle)
    if known is None:
        _PREPARED.clear()
        known = _PREPARED[task.bundle] = _prepare(task)
    [(key, stream)] = predict_each(known.network, known.bundle, task.inputs, task.config, [task.key])
    return write_scene(task.names, Origin(key, task.inputs, known.run), stream, task.files, task.model)


def _prepare(task: SceneTask) -> _Prepared:
    bundle = load_bundle(task.bundle, task.modules)
    run = run_of(bundle, task.config, task.inputs.area)
    return _Prepared(bundle, compiled(bundle.build_model(), task.config), run)

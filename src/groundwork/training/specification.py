"""All that a training is made from, as a plain folder: what processes are told that train together."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from groundwork.atomic import whole_file
from groundwork.bundle import Bundle, component_names, load_bundle, save_bundle
from groundwork.config.training import TrainingConfig
from groundwork.data.chips import LabelledData
from groundwork.data.label_sources import Labels
from groundwork.data.label_table import LabelTable
from groundwork.data.packed import open_store
from groundwork.data.sample_table import read_samples, write_samples
from groundwork.data.statistics import Statistics
from groundwork.errors import TrainingError
from groundwork.rasters.addresses import place_of
from groundwork.rasters.folder import RasterFolder
from groundwork.rasters.shared import SharedFiles
from groundwork.strict import Config

#: In the folder of a run: what it is made from, and there the description, the untrained bundle and the table.
SPECIFICATION = "specification"
DESCRIPTION, INITIAL, SAMPLES = "run.json", "initial", "samples.csv"


@dataclass(frozen=True, slots=True)
class Run:
    """What a training is made from, and where it keeps its checkpoints."""

    initial: Bundle
    data: LabelledData
    statistics: Statistics
    training: TrainingConfig
    seed: int
    folder: Path


class _LabelsRead(Config):
    """What labels are read from. Which files there are stands in the sample table."""

    form: Literal["folder", "shared", "table"]
    root: str
    #: Of shared files, or of the table.
    names: tuple[str, ...] = ()
    #: Key of a scene -> column -> value, of a table.
    rows: dict[str, dict[str, Any]] = Field(default_factory=dict)


class _RunDescription(Config):
    """What ``run.json`` holds."""

    #: Source -> the folder of its rasters.
    scenes: dict[str, str]
    labels: _LabelsRead | None
    #: Folder of packed chips.
    store: str | None
    statistics: Statistics
    training: TrainingConfig
    seed: int
    #: Modules of the user's own components, which this very project has named.
    modules: tuple[str, ...]


def write_run(run: Run) -> Path:
    """Write what a training is made from into its folder, and return where."""
    folder = run.folder / SPECIFICATION
    folder.mkdir(parents=True, exist_ok=True)
    save_bundle(run.initial, folder / INITIAL)
    write_samples(run.data.samples, folder / SAMPLES)
    names = [name.replace(":", ".") for name in component_names(run.initial.config.model) if "." in name]
    described = _RunDescription(
        scenes={source: str(found.root) for source, found in run.data.scenes.items()},
        labels=_describe(run.data.labels),
        store=None if run.data.store is None else str(run.data.store.path),
        statistics=run.statistics,
        training=run.training,
        seed=run.seed,
        modules=tuple(sorted({name.rpartition(".")[0] for name in names})),
    )
    with whole_file(folder / DESCRIPTION) as partial:
        text = json.dumps(described.model_dump(mode="json"), indent=2, sort_keys=True)
        partial.write_text(text + "\n", encoding="utf-8")
    return folder


def read_run(folder: Path) -> Run:
    """Read what :func:`write_run` wrote. No code is loaded but that of components that the project has named.

    Raises:
        TrainingError: Where there is none.
    """
    file = folder / DESCRIPTION
    try:
        described = _RunDescription.model_validate_json(file.read_text(encoding="utf-8"))
    except (OSError, ValidationError) as error:
        raise TrainingError(
            f"{file} cannot be read as the description of a training ({error}). Name the folder that the training was "
            "written to; it is written anew by the command that trains."
        ) from None
    initial = load_bundle(folder / INITIAL, described.modules)
    data = LabelledData(
        read_samples(folder / SAMPLES),
        {source: RasterFolder(place_of(root), {}) for source, root in described.scenes.items()},
        _labels_of(described.labels),
        initial.config.inputs,
        initial.config.target,
        None if described.store is None else open_store(Path(described.store)),
    )
    return Run(initial, data, described.statistics, described.training, described.seed, folder.parent)


def _describe(labels: Labels) -> _LabelsRead | None:
    if labels is None:
        return None
    if isinstance(labels, LabelTable):
        rows = {key: dict(row) for key, row in labels.rows.items()}
        return _LabelsRead(form="table", root=str(labels.root), names=(labels.name,), rows=rows)
    if isinstance(labels, SharedFiles):
        return _LabelsRead(form="shared", root=str(labels.root), names=labels.names)
    return _LabelsRead(form="folder", root=str(labels.root))


def _labels_of(read: _LabelsRead | None) -> Labels:
    if read is None:
        return None
    root = place_of(read.root)
    if read.form == "table":
        return LabelTable(root, read.names[0], read.rows)
    return SharedFiles(root, read.names) if read.form == "shared" else RasterFolder(root, {})

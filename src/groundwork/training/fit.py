"""Fit a task, and keep the best weights as a bundle."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import pandas as pd
from lightning import Callback, Trainer
from lightning.pytorch.callbacks import RichProgressBar
from rich.console import Console
from torch import Tensor

from groundwork import fingerprint
from groundwork.bundle import PRESENTATION, Bundle, component_names
from groundwork.config.data import read_by_model
from groundwork.config.training import TrainingConfig
from groundwork.data import sample_table
from groundwork.data.chips import LabelledData
from groundwork.data.datamodule import ChipDataModule
from groundwork.data.statistics import Statistics
from groundwork.errors import TrainingError
from groundwork.models.interface import Model
from groundwork.registry import build
from groundwork.tasks import TASKS
from groundwork.tasks.base import Task
from groundwork.training.buffers import SameBuffers
from groundwork.training.callbacks import History, SeedEachEpoch
from groundwork.training.checkpoints import KeepWeights, last_checkpoint
from groundwork.training.checks import (
    DEFAULTS,
    build_trainer,
    direction_of,
    find_task,
    require_learnable,
    require_probabilities,
)
from groundwork.training.initial import BUILT_FROM
from groundwork.training.messages import INTERRUPTED
from groundwork.training.precision import check_half
from groundwork.training.process import training_process
from groundwork.training.processes import threads_of, train_in_processes
from groundwork.training.specification import Run
from groundwork.training.temperature import with_temperature
from groundwork.training.thresholds import with_thresholds

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class FitResult:
    """What a training leaves."""

    #: The best weights, with band statistics.
    bundle: Bundle
    #: One row per epoch: its losses and scores.
    history: pd.DataFrame


def fit(
    initial: Bundle,
    data: LabelledData,
    statistics: Statistics,
    training: TrainingConfig,
    seed: int,
    checkpoints: Path,
) -> FitResult:
    """Train from the weights of a bundle.

    A run is recognised by the fingerprint of all that it is made from, code included. One that was killed goes on
    after its last whole epoch, and ends with the same weights as an unbroken one; one that is complete gives its
    result again, without another epoch.

    Args:
        initial: The untrained bundle.
        data: Samples, and the rasters they are read from.
        statistics: Of the training split.
        training: How the weights are found.
        seed: Seed of all that is drawn.
        checkpoints: Folder for checkpoints; each run has its own folder in it.

    Raises:
        ComponentError: For an unknown task, loss, optimiser or option of the Trainer.
        SpecError: For a model of which the task cannot learn.
        TrainingError: Where the loss stops being a number, or no weights can be kept.
    """
    training = training.model_copy(update={"threads": threads_of(training)})
    require_learnable(training, initial.config.model)
    require_probabilities(training, find_task(training), initial.config.target)
    if find_task(training).learns_from == "embedding":
        return _keep(initial, data, statistics, training, seed)
    folder = checkpoints / _identity(initial, data, statistics, training, seed)
    folder.mkdir(parents=True, exist_ok=True)
    run = Run(initial, data, statistics, training, seed, folder)
    with training_process(seed, training.threads):
        prepared = prepare(run)
        if prepared.trainer.world_size > 1:
            prepared.history.rows = train_in_processes(run, prepared.trainer)
        else:
            train(prepared)
        trained = _bundle_of(initial, prepared.keep.load_best(), data, statistics, training, seed)
        if training.calibrate:
            # Before thresholds are chosen: they are of the probabilities that come of it.
            trained = with_temperature(trained, data, training.loader.batch_size)
        trained = with_thresholds(trained, data, training.loader.batch_size)
    return FitResult(trained, pd.DataFrame(prepared.history.rows).astype({"epoch": int}))


@dataclass(frozen=True, slots=True)
class Prepared:
    """A training that can begin."""

    task: Task
    module: ChipDataModule
    history: History
    keep: KeepWeights
    trainer: Trainer
    folder: Path


def prepare(run: Run, callbacks: Sequence[Callback] = ()) -> Prepared:
    """Build all that a training needs, and refuse what does not go together. No pixel is read."""
    data, training = run.data, run.training
    task = _build_task(run.initial, training, run.statistics)
    dates = [
        sample_table.dates(data.samples, source, spec.steps) for source, spec in read_by_model(data.inputs).items()
    ]
    has_place = sample_table.locations(data.samples) is not None
    task.model.require_coordinates(time=any(known is not None for known in dates), location=has_place)
    check_half(task.model, training.trainer)
    module = ChipDataModule(data, run.statistics, training.loader, training.augmentation, run.seed, training.sampling)
    history = History(training.monitor, direction_of(training.monitor, type(task), task.target))
    keep = KeepWeights(run.folder, history, training.early_stopping)
    trainer = _build_trainer(training, [SeedEachEpoch(run.seed), SameBuffers(), history, keep, *callbacks])
    return Prepared(task, module, history, keep, trainer, run.folder)


def train(prepared: Prepared) -> None:
    """Train in this process, as the only one or as one of several, from the last whole epoch on."""
    _run(prepared.trainer, prepared.task, prepared.module, last_checkpoint(prepared.folder))


def _build_task(initial: Bundle, training: TrainingConfig, statistics: Statistics) -> Task:
    config = initial.config
    model = config.model.without_pretraining()
    inputs = read_by_model(config.inputs)
    wired = (initial.factory(), model, inputs, config.target, training, statistics)
    task = build(Task, TASKS, training.task, *wired, where="training.task")
    task.model.load_state_dict(initial.weights, strict=True)
    _set_statistics(task.model, initial, statistics)
    return task


def _set_statistics(model: Model, initial: Bundle, statistics: Statistics) -> None:
    if initial.config.model.standardise == "from_data":
        for source, raster in read_by_model(initial.config.inputs).items():
            bands = statistics.of_bands(source, raster)
            model.set_statistics([band.mean for band in bands], [band.std for band in bands], source)
    numbers = [statistics.target.numbers[output.name] for output in initial.config.target.outputs]
    if numbers:
        model.set_output_statistics([number.mean for number in numbers], [number.std for number in numbers])


def _keep(
    initial: Bundle, data: LabelledData, statistics: Statistics, training: TrainingConfig, seed: int
) -> FitResult:
    """Keep the weights as they are, with the statistics of bands: what gives embeddings is not trained."""
    logger.info("Embeddings are the features of the encoder as it is: nothing is trained.")
    if not initial.config.pretrained:
        logger.warning(
            "The encoder starts from random weights, and embeddings of such say little: set its 'pretrained: true', "
            "and 'weights' for a file of your own"
        )
    model = initial.build_model()
    _set_statistics(model, initial, statistics)
    weights = {name: value.detach() for name, value in model.state_dict().items()}
    return FitResult(_bundle_of(initial, weights, data, statistics, training, seed), pd.DataFrame({"epoch": []}))


def _build_trainer(training: TrainingConfig, callbacks: list[Callback]) -> Trainer:
    is_terminal = Console().is_terminal
    if is_terminal:
        callbacks.append(RichProgressBar(leave=False))
    return build_trainer(training, {**DEFAULTS, "callbacks": callbacks, "enable_progress_bar": is_terminal})


def _run(trainer: Trainer, task: Task, module: ChipDataModule, checkpoint: Path | None) -> None:
    with warnings.catch_warnings():
        # Loaders without worker processes are a choice for small data; GPU advice does not help on a CPU.
        warnings.filterwarnings("ignore", message=r".*does not have many workers.*")
        warnings.filterwarnings("ignore", message=r".*treespec.*is deprecated.*")
        # Losses and scores are those of all processes before they are logged.
        warnings.filterwarnings("ignore", message=r".*sync_dist=True.*")
        # It costs a copy of a small tensor.
        warnings.filterwarnings("ignore", message=r"Grad strides do not match bucket view strides.*")
        # Frozen parts are in evaluation mode on purpose.
        warnings.filterwarnings("ignore", message=r".*in eval mode at the start of training.*")
        try:
            trainer.fit(task, datamodule=module, ckpt_path=checkpoint, weights_only=True)
        except SystemExit:  # what Lightning makes of Ctrl-C
            raise TrainingError(INTERRUPTED) from None


def _identity(initial: Bundle, data: LabelledData, statistics: Statistics, training: TrainingConfig, seed: int) -> str:
    named = (training.task, training.optimizer, training.schedule, training.sampling)
    components = [part.name for part in (*named, *training.loss, *training.augmentation)]
    return fingerprint.fingerprint(
        fingerprint.of_components([*component_names(initial.config.model), *components]),
        initial.config.model_dump_json(exclude=PRESENTATION),
        fingerprint.of_weights(initial.weights),
        fingerprint.of_table(data.samples),
        statistics.model_dump_json(),
        training.model_dump_json(),
        str(seed),
        fingerprint.of_code(),
        # It resamples training chips, and nothing else.
        version("kornia"),
        *fingerprint.library_versions().values(),
    )


def _bundle_of(
    initial: Bundle,
    weights: dict[str, Tensor],
    data: LabelledData,
    statistics: Statistics,
    training: TrainingConfig,
    seed: int,
) -> Bundle:
    provenance = {
        **{name: value for name, value in initial.config.provenance.items() if name != BUILT_FROM},
        **fingerprint.library_versions(),
        "samples": fingerprint.of_table(data.samples),
        "statistics": fingerprint.fingerprint(statistics.model_dump_json()),
        "weights": fingerprint.of_weights(weights),
        "seed": str(seed),
        "threads": str(training.threads),
    }
    config = initial.config.model_copy(update={"trained": True, "provenance": provenance})
    return Bundle(config, weights)

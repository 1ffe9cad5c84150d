"""Fit a task, and keep the best weights as a bundle."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from lightning import Callback, Trainer
from lightning.pytorch.callbacks import RichProgressBar
from lightning.pytorch.loggers import Logger

from groundwork import fingerprint, progress
from groundwork.bundle import Bundle
from groundwork.config.data import read_by_model
from groundwork.config.training import TrainingConfig
from groundwork.data import sample_table
from groundwork.data.augmentation import MIXING
from groundwork.data.chips import LabelledData
from groundwork.data.datamodule import ChipDataModule
from groundwork.data.statistics import Statistics
from groundwork.models.compiling import compile_model, require_compiler
from groundwork.models.memory_layout import lay_channels_last
from groundwork.registry import build
from groundwork.tasks import TASKS
from groundwork.tasks.base import Task
from groundwork.tasks.estimator import EstimatorTask
from groundwork.tasks.learning import with_monitor
from groundwork.training.aids import build_aids
from groundwork.training.answers import require_answers
from groundwork.training.batch_norm import MeasureFirst
from groundwork.training.best_mean import Kept, keep_better
from groundwork.training.buffers import SameBuffers
from groundwork.training.callbacks import History, TellEpoch
from groundwork.training.checkpoints import KeepWeights, last_checkpoint
from groundwork.training.checks import (
    DEFAULTS,
    build_trainer,
    find_task,
    kind_learnt,
    require_learnable,
    require_probabilities,
)
from groundwork.training.choices import with_choices
from groundwork.training.estimator import fit_estimator
from groundwork.training.identity import SHOWN, identity
from groundwork.training.initial import BUILT_FROM
from groundwork.training.own_callbacks import require_one_process, require_steps
from groundwork.training.precision import check_half
from groundwork.training.process import training_process
from groundwork.training.processes import threads_of, train_in_processes
from groundwork.training.specification import Run
from groundwork.training.standardising import set_statistics
from groundwork.training.strategies import with_idle_weights
from groundwork.training.trust import explained

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
    callbacks: Sequence[Callback] = (),
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
        callbacks: Of the caller's own, which look on or change what is learnt. A run is recognised by their
            ``state_key`` too; what they keep must be in their ``state_dict``.

    Raises:
        ComponentError: For an unknown task, loss, optimiser or option of the Trainer.
        SpecError: For callbacks of a task that takes no steps, and in several processes.
        SpecError: For a model of which the task cannot learn.
        DataError: Where the validation split has no answers to choose weights by.
        TrainingError: Where the loss stops being a number, memory or a disk is full, or no weights can be kept.
    """
    training = training.model_copy(update={"threads": threads_of(training)})
    training = with_monitor(training, kind_learnt(find_task(training), initial.config.target))
    require_learnable(training, initial.config.model)
    require_probabilities(training, find_task(training), initial.config.target)
    require_steps(training, callbacks)
    if find_task(training).learns_from == "embedding":
        return _keep(initial, data, statistics, training, seed)
    if issubclass(find_task(training), EstimatorTask):
        return _estimate(initial, data, statistics, training, seed)
    require_answers(training.monitor, data)
    folder = checkpoints / identity(initial, data, statistics, training, seed, [part.state_key for part in callbacks])
    folder.mkdir(parents=True, exist_ok=True)
    run = Run(initial, data, statistics, training, seed, folder)
    with training_process(seed, training.threads):
        prepared = prepare(run, callbacks)
        if prepared.trainer.world_size > 1:
            require_one_process(callbacks)
            prepared.history.rows = train_in_processes(run, prepared.trainer)
        else:
            train(prepared)
        measuring = [] if prepared.keep.has_mean else [MeasureFirst()]
        judge = _build_trainer(_alone(training, prepared.trainer), measuring)
        with explained(training, judge):
            kept = keep_better(prepared.task, judge, prepared.module, prepared.keep, prepared.history)
        trained = _bundle_of(initial, kept, data, statistics, training, seed)
        trained = with_choices(trained, data, training)
    return FitResult(trained, pd.DataFrame(prepared.history.rows).astype({"epoch": int}))


@dataclass(frozen=True, slots=True)
class Prepared:
    """A training that can begin."""

    run: Run
    task: Task
    module: ChipDataModule
    history: History
    keep: KeepWeights
    trainer: Trainer


def prepare(run: Run, callbacks: Sequence[Callback] = ()) -> Prepared:
    """Build all that a training needs, and refuse what does not go together. No pixel is read."""
    data, training = run.data, run.training
    task = build_task(run.initial, training, run.statistics)
    dates = [
        sample_table.dates(data.samples, source, spec.steps) for source, spec in read_by_model(data.inputs).items()
    ]
    has_place = sample_table.locations(data.samples) is not None
    task.model.require_coordinates(time=any(known is not None for known in dates), location=has_place)
    _warn_of_mixing(task, training)
    check_half(task.model, training.trainer)
    module = ChipDataModule(data, run.statistics, training.loader, training.augmentation, run.seed, training.sampling)
    aids = build_aids(task, training, data, run.seed, run.folder)
    wired = [*aids.callbacks, SameBuffers(), *callbacks]
    trainer = _build_trainer(with_idle_weights(training), wired, [shown.logger for shown in aids.loggers])
    if training.compile:
        require_compiler(trainer.strategy.root_device, "training.compile")
        compile_model(task.model)
    return Prepared(run, task, module, aids.history, aids.keep, trainer)


def _warn_of_mixing(task: Task, training: TrainingConfig) -> None:
    told = sorted(task.model.coordinates)
    for name in sorted({part.name for part in training.augmentation} & MIXING):
        if told:
            logger.warning(
                "'%s' in 'training.augmentation' mixes pixels of two chips, and the encoder is told the coordinates %s "
                "of one of them: leave out the one or the other",
                name,
                told,
            )


def train(prepared: Prepared) -> None:
    """Train in this process, as the only one or as one of several, from the last whole epoch on."""
    task, trainer = prepared.task, prepared.trainer
    with explained(prepared.run.training, trainer):
        last = last_checkpoint(prepared.run.folder, task.state_dict())
        for shown in trainer.loggers:
            shown.log_hyperparams(_stated(prepared.run))
        trainer.fit(task, datamodule=prepared.module, ckpt_path=last, weights_only=True)


def _stated(run: Run) -> dict[str, Any]:
    """Return what a run is made from, as loggers show it: nothing that another look at the same run would change."""
    config = run.initial.config
    return {
        "seed": run.seed,
        "model": config.model.model_dump(mode="json", exclude_defaults=True),
        "training": run.training.model_dump(mode="json", exclude=SHOWN),
    }


def _alone(training: TrainingConfig, trainer: Trainer) -> TrainingConfig:
    """Return the training as one process does it."""
    if trainer.world_size == 1:
        return training
    return training.model_copy(
        update={"trainer": {**training.trainer, "devices": 1, "num_nodes": 1, "strategy": "auto"}}
    )


def build_task(initial: Bundle, training: TrainingConfig, statistics: Statistics) -> Task:
    """Return the task that trains a bundle, with its weights and the statistics of the data.

    Raises:
        ComponentError, SpecError: For what is unknown, or does not fit.
    """
    config = initial.config
    model = config.model.without_pretraining()
    inputs = read_by_model(config.inputs)
    wired = (initial.factory(), model, inputs, config.target, training, statistics)
    task = build(Task, TASKS, training.task, *wired, where="training.task")
    task.model.load_state_dict(initial.weights, strict=True)
    set_statistics(task.model, initial.config, statistics)
    if training.channels_last:
        lay_channels_last(task.model)
    return task


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
    set_statistics(model, initial.config, statistics)
    weights = {name: value.detach() for name, value in model.state_dict().items()}
    trained = _bundle_of(initial, Kept(weights), data, statistics, training, seed)
    return FitResult(trained, pd.DataFrame({"epoch": []}))


def _estimate(
    initial: Bundle, data: LabelledData, statistics: Statistics, training: TrainingConfig, seed: int
) -> FitResult:
    """Fit the estimator of the head on the features of the training chips; all other weights stay as they are."""
    with training_process(seed, training.threads):
        task = build_task(initial, training, statistics)
        if not isinstance(task, EstimatorTask):
            raise TypeError(f"{type(task).__name__} fits no estimator")
        if not initial.config.pretrained:
            logger.warning(
                "The encoder starts from random weights, and what an estimator makes of its features says little: set "
                "its 'pretrained: true', and 'weights' for a file of your own"
            )
        fit_estimator(task.estimated, data, task.max_rows, seed)
        weights = {name: value.detach().cpu() for name, value in task.model.state_dict().items()}
        trained = _bundle_of(initial, Kept(weights), data, statistics, training, seed)
        trained = with_choices(trained, data, training)
    return FitResult(trained, pd.DataFrame({"epoch": []}))


def _build_trainer(
    training: TrainingConfig, callbacks: Sequence[Callback], loggers: Sequence[Logger] | None = None
) -> Trainer:
    """Build the trainer of the training, or without loggers one that keeps nothing."""
    how = progress.mode()
    shown: dict[str, list[Callback]] = {"bar": [RichProgressBar(leave=False)], "lines": [TellEpoch()], "none": []}
    options = {"callbacks": [*callbacks, *shown[how]], "enable_progress_bar": how == "bar", "logger": loggers or False}
    return build_trainer(training, {**DEFAULTS, **options, "enable_checkpointing": loggers is not None})


def _bundle_of(
    initial: Bundle,
    kept: Kept,
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
        "weights": fingerprint.of_weights(kept.weights),
        **({"kept": kept.words} if kept.words else {}),
        "seed": str(seed),
        "threads": str(training.threads),
    }
    config = initial.config.model_copy(update={"trained": True, "provenance": provenance})
    return Bundle(config, kept.weights)

"""Fit a task, and keep the best weights as a bundle."""

from __future__ import annotations

import inspect
import logging
import shutil
import warnings
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from lightning import Callback, Trainer, seed_everything
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint, RichProgressBar
from rich.console import Console

from groundwork import fingerprint
from groundwork.bundle import Bundle, build_factory, component_names
from groundwork.config.component import ComponentConfig
from groundwork.config.training import RESERVED, TrainingConfig
from groundwork.data.chips import LabelledData
from groundwork.data.datamodule import ChipDataModule
from groundwork.data.statistics import Statistics
from groundwork.registry import ComponentError, build
from groundwork.specs import did_you_mean
from groundwork.tasks import TASKS
from groundwork.tasks.base import Task
from groundwork.training.callbacks import History, SeedEachEpoch, TrainingError

logger = logging.getLogger(__name__)

FINISHED = "finished"


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

    A run that was killed goes on after its last whole epoch, and ends with the same weights as an unbroken one;
    it is recognised by the fingerprint of all that it is made from, code included.

    Args:
        initial: The untrained bundle.
        data: Samples, and the rasters they are read from.
        statistics: Of the training split.
        training: How the weights are found.
        seed: Seed of all that is drawn.
        checkpoints: Folder for Lightning's checkpoints; each run has its own folder in it.

    Raises:
        ComponentError: For an unknown task, loss, optimiser or option of the Trainer.
        TrainingError: Where the loss stops being a number.
    """
    seed_everything(seed, workers=True, verbose=False)
    # Lightning raises its own level when it is imported; its notices of hardware and advertisements hide ours.
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    task = _build_task(initial, training, statistics)
    dated = bool(data.samples["dates"].fillna("").ne("").all())
    placed = bool(data.samples["latitude"].notna().all())
    task.model.require_coordinates(time=dated, location=placed)
    module = ChipDataModule(data, statistics, training.loader, training.augmentation, seed)
    identity = _identity(initial, data, statistics, training, seed)
    folder = _start_folder(checkpoints / identity)
    history = History()
    best = _keep_best(folder, training)
    last = ModelCheckpoint(folder, "last-{epoch}", save_top_k=1, save_on_train_epoch_end=True)
    trainer = _build_trainer(training, [SeedEachEpoch(seed), history, best, last])
    _run(trainer, task, module, _last_checkpoint(folder))
    if not best.best_model_path:
        raise TrainingError(
            f"No weights were kept: '{training.monitor}' was never measured. Options in training.trainer that leave "
            "out validation or checkpoints are for trials by hand; remove them, or validate at least once."
        )
    trained = _bundle_of(initial, Path(best.best_model_path), data, statistics, seed)
    (folder / FINISHED).touch()
    return FitResult(trained, pd.DataFrame(history.rows).astype({"epoch": int}))


def _keep_best(folder: Path, training: TrainingConfig) -> ModelCheckpoint:
    """Return what keeps the best weights; without a score to choose by, each epoch's replace those before."""
    mode = training.mode if training.monitor else "max"
    # The optimiser's state, twice as large as the weights, is only needed to go on, and that is done from the last.
    return ModelCheckpoint(
        folder,
        "best",
        monitor=training.monitor,
        mode=mode,
        save_weights_only=True,
        enable_version_counter=False,
    )


def _build_task(initial: Bundle, training: TrainingConfig, statistics: Statistics) -> Task:
    config = initial.config
    model = config.model.without_pretraining()
    named = ComponentConfig(name=training.task)
    wired = (build_factory(model), model, config.inputs, config.target, training, statistics)
    task = build(Task, TASKS, named, *wired)  # type: ignore[type-abstract]
    known = ["val/loss", *(f"val/{score}" for score in task.score_names())]
    if training.monitor is not None and training.monitor not in known:
        hint = did_you_mean(training.monitor, known)
        raise ComponentError(
            f"training.monitor names '{training.monitor}', which is not measured.{hint} Known: {known}"
        )
    task.model.load_state_dict(initial.weights, strict=True)
    if config.model.standardise == "from_data":
        bands = statistics.of_bands(initial.only_input())
        task.model.set_statistics([band.mean for band in bands], [band.std for band in bands])
    return task


def _build_trainer(training: TrainingConfig, callbacks: list[Callback]) -> Trainer:
    options = _check_trainer_options(training.trainer)
    if training.early_stopping is not None and training.monitor is not None:
        callbacks.append(EarlyStopping(training.monitor, mode=training.mode, patience=training.early_stopping))
    if Console().is_terminal:
        callbacks.append(RichProgressBar(leave=False))
    defaults: dict[str, Any] = {
        "accelerator": "auto",
        "devices": 1,
        "deterministic": "warn",
        "num_sanity_val_steps": 0,
        "enable_model_summary": False,
        "enable_progress_bar": Console().is_terminal,
    }
    trainer = Trainer(max_epochs=training.max_epochs, logger=False, callbacks=callbacks, **{**defaults, **options})
    if trainer.world_size > 1:
        raise ComponentError(
            f"training.trainer asks for {trainer.world_size} processes; one process on one device is supported here, "
            "as more of them would each repeat the whole pipeline. Set 'devices: 1'."
        )
    return trainer


def _run(trainer: Trainer, task: Task, module: ChipDataModule, checkpoint: Path | None) -> None:
    with warnings.catch_warnings():
        # Loaders without worker processes are a choice for small data; GPU advice does not help on a CPU.
        warnings.filterwarnings("ignore", message=r".*does not have many workers.*")
        warnings.filterwarnings("ignore", message=r".*treespec.*is deprecated.*")
        warnings.filterwarnings("ignore", message=r".*Checkpoint directory.*exists and is not empty.*")
        # Frozen parts are in evaluation mode on purpose; a monitored score that never comes is an error of ours.
        warnings.filterwarnings("ignore", message=r".*in eval mode at the start of training.*")
        warnings.filterwarnings("ignore", message=r".*could not find the monitored key.*")
        try:
            trainer.fit(task, datamodule=module, ckpt_path=checkpoint, weights_only=True)
        except SystemExit:  # what Lightning makes of Ctrl-C
            text = "The training was interrupted. Run the same command again to go on after its last epoch."
            raise TrainingError(text) from None


def _check_trainer_options(options: dict[str, Any]) -> dict[str, Any]:
    known = [name for name in inspect.signature(Trainer).parameters if name not in RESERVED]
    for name in options:
        if name not in known:
            raise ComponentError(f"training.trainer: Lightning's Trainer has no '{name}'.{did_you_mean(name, known)}")
    return options


def _identity(initial: Bundle, data: LabelledData, statistics: Statistics, training: TrainingConfig, seed: int) -> str:
    components = (training.task, training.optimizer.name, training.schedule.name, *(t.name for t in training.loss))
    return fingerprint.fingerprint(
        fingerprint.of_components([*component_names(initial.config.model), *components]),
        initial.config.model_dump_json(),
        fingerprint.of_weights(initial.weights),
        fingerprint.of_table(data.samples),
        statistics.model_dump_json(),
        training.model_dump_json(),
        str(seed),
        fingerprint.of_code(),
        *fingerprint.library_versions().values(),
    )


def _start_folder(folder: Path) -> Path:
    """Return the run's folder; what an earlier run finished there is not gone on with."""
    if (folder / FINISHED).exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _last_checkpoint(folder: Path) -> Path | None:
    """Return the newest whole checkpoint of a run that was killed."""
    by_epoch = sorted(folder.glob("last-epoch=*.ckpt"), key=lambda path: int(path.stem.partition("=")[2]))
    for path in reversed(by_epoch):
        if zipfile.is_zipfile(path):
            logger.info("Going on after %s", path.name)
            return path
        path.unlink()
    return None


def _bundle_of(initial: Bundle, checkpoint: Path, data: LabelledData, statistics: Statistics, seed: int) -> Bundle:
    state = torch.load(checkpoint, map_location="cpu", weights_only=True)["state_dict"]
    weights = {name.removeprefix("model."): value for name, value in state.items() if name.startswith("model.")}
    provenance = {
        **initial.config.provenance,
        **fingerprint.library_versions(),
        "samples": fingerprint.of_table(data.samples),
        "statistics": fingerprint.fingerprint(statistics.model_dump_json()),
        "weights": fingerprint.of_weights(weights),
        "seed": str(seed),
    }
    config = initial.config.model_copy(update={"trained": True, "provenance": provenance})
    return Bundle(config, weights)

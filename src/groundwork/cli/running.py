"""What the commands of Lightning do with a task and the data of this library: what a recipe does, in one folder."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from lightning import Callback

from groundwork.atomic import whole_file
from groundwork.bundle import Bundle, component_names, load_bundle, save_bundle
from groundwork.cli.reporting import (
    CARD,
    HISTORY,
    QUICKLOOKS,
    save_figure,
    write_audit,
    write_quicklooks,
    write_report,
)
from groundwork.config.evaluation import EvaluationConfig
from groundwork.config.inference import InferenceConfig
from groundwork.config.stated import read_stated
from groundwork.data.augmentation.augmenter import check_augmentation
from groundwork.data.raster_module import RasterDataModule
from groundwork.data.sampling.checks import check_sampling
from groundwork.errors import BundleError, SpecError
from groundwork.evaluation.figures import draw_history
from groundwork.evaluation.panels import draw_chips, draw_extremes, headline
from groundwork.evaluation.report import evaluate_model, held_out
from groundwork.prediction.names import Names
from groundwork.prediction.scene import predict_scenes
from groundwork.prediction.scene_writing import write_text
from groundwork.prediction.source import scene_specs
from groundwork.prediction.writing import write_predictions
from groundwork.table import module_of
from groundwork.training.card import write_card
from groundwork.training.checks import check_together, check_training
from groundwork.training.encoder import encoder_of, save_encoder
from groundwork.training.fit import fit
from groundwork.training.initial import build_initial
from groundwork.training.lightning_tasks import RasterTask
from groundwork.training.own_callbacks import require_steps

logger = logging.getLogger(__name__)

#: What lies in the folder of a run.
BUNDLE, CHECKPOINTS, ENCODER, PREDICTIONS = "bundle", "checkpoints", "encoder", "predictions"


@dataclass(frozen=True, slots=True)
class Command:
    """What a command runs on."""

    task: RasterTask
    data: RasterDataModule
    seed: int
    #: As stated.
    evaluation: Mapping[str, Any] = field(default_factory=dict)
    inference: Mapping[str, Any] = field(default_factory=dict)
    #: A bundle in place of that of the folder.
    bundle: Path | None = None
    #: The user's own.
    callbacks: tuple[Callback, ...] = ()

    @property
    def folder(self) -> Path:
        """Where all results lie.

        Raises:
            SpecError: Where none is named.
        """
        if self.data.folder is None:
            raise SpecError("'output' is missing: it names the folder in which results lie, such as 'runs/my_run'.")
        return self.data.folder

    def judged(self, split: str | None = None) -> EvaluationConfig:
        """Return how the model is judged, on a split where one is named."""
        stated = {**self.evaluation, **({} if split is None else {"split": split})}
        return read_stated(EvaluationConfig, stated, "evaluation")

    def asked(self) -> InferenceConfig:
        """Return how the model is asked."""
        return read_stated(InferenceConfig, self.inference, "inference")

    def trained(self) -> Bundle:
        """Return what was trained.

        Raises:
            BundleError: Where there is nothing.
        """
        path = self.bundle or self.folder / BUNDLE
        if not (path / "bundle.json").is_file():
            raise BundleError(f"{path}: found no bundle. `groundwork fit` with the same file makes it.")
        # Modules that this very configuration names are the user's own.
        return load_bundle(path, tuple({module_of(name) for name in component_names(self.task.network)} - {""}))


def run_command(name: str, command: Command) -> None:
    """Run a command.

    Args:
        name: fit, validate, test, predict or compute_statistics.
        command: What it runs on.

    Raises:
        GroundworkError: For what is wrong; before any pixel is read, where that can be seen.
    """
    check(command)
    commands: dict[str, Callable[[Command], None]] = {
        "fit": _fit,
        "validate": lambda command: _judge(command, "val"),
        "test": lambda command: _judge(command, None),
        "predict": _predict,
        "compute_statistics": _compute_statistics,
    }
    commands[name](command)


def check(command: Command) -> None:
    """Refuse what means nothing or does not go together, before any pixel is read.

    Raises:
        ComponentError, SpecError: With what to change.
    """
    data, training, network = command.data.config, command.task.training_config, command.task.network
    if not command.folder.name:
        raise SpecError("'output' is empty: it names the folder in which results lie, such as 'runs/my_run'.")
    command.judged()
    command.data.require_one_reading()
    check_training(training, data.target)
    check_augmentation(training.augmentation, data.sources, data.target)
    check_sampling(training.sampling, data.store, data.target)
    check_together(training, network, data.target)
    require_steps(training, command.callbacks)
    scene_specs(data.sources, command.asked())


def _fit(command: Command) -> None:
    data, task, folder = command.data, command.task, command.folder
    initial = build_initial(data.config, task.network, command.seed)
    data.setup("fit")
    given = data.prepared
    write_audit(folder, given.samples, data.config)
    chips = initial.labelled(given.samples, given.scenes, given.labels, given.store)
    run = (initial, chips, given.statistics, task.training_config, command.seed, folder / CHECKPOINTS)
    found = fit(*run, command.callbacks)
    save_bundle(found.bundle, folder / BUNDLE)
    save_encoder(encoder_of(found.bundle), folder / ENCODER)
    _save_table(found.history, folder / HISTORY)
    save_figure(draw_history(found.history), folder / "history.png")
    write_text(folder / CARD, write_card(initial, data.config.chips.size))
    _say(f"The trained model lies in {folder / BUNDLE}, the history of its training in {folder / 'history.csv'}.")


def _judge(command: Command, split: str | None) -> None:
    bundle, config = command.trained(), command.judged(split)
    command.data.setup("test")
    given = command.data.prepared
    chips = held_out(bundle, given.samples, given.scenes, given.labels, config, given.store)
    asked = command.asked()
    found = evaluate_model(bundle, chips, given.statistics, config, command.seed, asked)
    folder = command.folder / config.split
    short = headline(found.scores, bundle)
    for name, values in {"metrics": short, "scores": found.scores}.items():
        write_text(folder / f"{name}.json", json.dumps(values, indent=2, sort_keys=True) + "\n")
    _save_table(found.by_scene, folder / "scene_scores.csv")
    _save_table(found.chips, folder / "chip_scores.csv")
    extremes = draw_extremes(bundle, chips, found.chips, config, command.seed, asked)
    panel = draw_chips(bundle, chips, config, command.seed, asked)
    figures = {"confusion": found.figure, "reliability": found.reliability, "extremes": extremes, "panel": panel}
    for name, figure in figures.items():
        save_figure(figure, folder / f"{name}.png")
    page = write_report(command.folder, config.split, found, given.samples, bundle, command.seed)
    _say(yaml.safe_dump(short, sort_keys=False) + f"All scores lie in {folder}.")
    if page is not None:
        _say(f"All of it on one page: {page}.")


def _predict(command: Command) -> None:
    place = command.data.places.inference_scenes
    if place is None:
        raise SpecError("'places.inference_scenes' is missing: it names the scenes that are predicted.")
    bundle, scenes, asked, names = command.trained(), place.open(), command.asked(), Names(command.folder / PREDICTIONS)
    write_predictions(names, predict_scenes(bundle, scenes, asked))
    write_quicklooks(bundle, scenes, asked, command.folder, names)
    _say(f"The predictions lie in {names.folder}, pictures of them in {command.folder / QUICKLOOKS}.")


def _compute_statistics(command: Command) -> None:
    command.data.setup("fit")
    write_audit(command.folder, command.data.prepared.samples, command.data.config)
    found = command.data.prepared.statistics
    bands = {
        source: {name: {"mean": band.mean, "std": band.std} for name, band in of_source.items()}
        for source, of_source in found.sources.items()
    }
    _say(yaml.safe_dump(bands, sort_keys=False) + f"Samples and statistics lie in {command.folder}.")


def _save_table(values: pd.DataFrame, file: Path) -> None:
    with whole_file(file) as partial:
        values.to_csv(partial, index=False)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")

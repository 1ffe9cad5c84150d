"""What goes along with a training: what seeds it, writes it down, keeps its weights, and what was asked for beside."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lightning import Callback

from groundwork.config.training import TrainingConfig
from groundwork.data.chips import LabelledData
from groundwork.registry import build
from groundwork.tasks.base import Task
from groundwork.training.averaging import AVERAGES, WeightAverage
from groundwork.training.callbacks import History, SeedEachEpoch
from groundwork.training.checkpoints import KeepWeights
from groundwork.training.checks import direction_of
from groundwork.training.loggers import LOGGERS, ScoreLogger, require_packages
from groundwork.training.pictures import Pictures
from groundwork.training.trust import FiniteLoss
from groundwork.training.unfreezing import Unfreezing

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Aids:
    """The callbacks of a training, in their order, and those that are asked afterwards."""

    callbacks: Sequence[Callback]
    history: History
    keep: KeepWeights
    loggers: Sequence[ScoreLogger]


def build_aids(task: Task, training: TrainingConfig, data: LabelledData, seed: int, folder: Path) -> Aids:
    """Build them.

    Args:
        task: With the model as the training begins.
        training: Whose monitor is a score, or None.
        data: Of which pictures are drawn.
        seed: Of the run.
        folder: Of the run.

    Raises:
        ComponentError, SpecError: For what is unknown, or does not fit the model.
    """
    average: WeightAverage | None = None
    if training.averaging is not None:
        average = build(WeightAverage, AVERAGES, training.averaging, task.model, where="training.averaging")
        logger.info("Validation scores and the kept weights are those of the mean ('%s')", training.averaging.name)
    direction = direction_of(training.monitor, type(task), task.target)
    logger.info("Weights are chosen by %s", training.monitor or "their age: the last are kept")
    history = History(training.monitor, direction, average)
    keep = KeepWeights(folder, history, training.early_stopping, training.keep_best, average)
    unfreezing = [] if training.freeze.until_epoch is None else [Unfreezing(task.model, training.freeze)]
    averaging = [] if average is None else [average]
    require_packages(training.loggers)
    loggers = [build(ScoreLogger, LOGGERS, part, folder, where="training.loggers") for part in training.loggers]
    pictures: list[Callback] = []
    if training.pictures is not None:
        pictures = [Pictures(training.pictures, data, folder / "pictures", loggers, average)]
    first = [SeedEachEpoch(seed), FiniteLoss(), *unfreezing, *averaging]
    # The mean is complete before the history is written, the history before weights are kept by it, and these before
    # anything else is written.
    return Aids([*first, history, keep, *pictures], history, keep, loggers)

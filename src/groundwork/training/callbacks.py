"""What happens beside the training steps."""

from __future__ import annotations

import logging
import math
import random
from typing import Any

import numpy as np
import torch
from lightning import Callback, LightningModule, Trainer

from groundwork.errors import TrainingError
from groundwork.progress import Lines
from groundwork.targets.kind import Direction
from groundwork.training.averaging import WeightAverage

logger = logging.getLogger(__name__)


class SeedEachEpoch(Callback):
    """Seeds all generators anew at each epoch, so that a resumed run draws what an unbroken one draws.

    Each of several processes draws others, such as what dropout leaves out.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:  # noqa: ARG002
        """Seed by run, epoch and process."""
        seed = (self._seed * 1_000_003 + trainer.current_epoch + trainer.global_rank * 2_654_435_761) % 2**32
        torch.manual_seed(seed)
        np.random.seed(seed)  # noqa: NPY002 - libraries beside ours draw from the global generator
        random.seed(seed)


class TellEpoch(Callback):
    """Says in the log now and then how far an epoch, or its validation, has come, where no bar is shown."""

    _lines: Lines | None = None
    _validated: Lines | None = None

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:  # noqa: ARG002
        """Begin anew."""
        total = trainer.num_training_batches
        if trainer.is_global_zero and isinstance(total, int):
            self._lines = Lines(f"Epoch {trainer.current_epoch + 1} of {trainer.max_epochs}", total)
        else:
            self._lines = None

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *given: object) -> None:  # noqa: ARG002
        """Say it, where the last line is long enough ago."""
        if self._lines is not None:
            self._lines.tell(trainer.fit_loop.epoch_loop.batch_idx + 1)

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:  # noqa: ARG002
        """Begin anew."""
        total = sum(trainer.num_val_batches)
        self._validated = None
        if trainer.is_global_zero and isinstance(total, int):
            self._validated = Lines(f"Validating epoch {trainer.current_epoch + 1} of {trainer.max_epochs}", total)

    def on_validation_batch_end(self, trainer: Trainer, pl_module: LightningModule, *given: object) -> None:  # noqa: ARG002
        """Say it, where the last line is long enough ago."""
        if self._validated is not None:
            self._validated.tell(trainer.fit_loop.epoch_loop.val_loop.batch_progress.current.ready)


class History(Callback):
    """Keeps what was measured in each epoch. Its rows travel with the checkpoints, so a resumed history is whole."""

    def __init__(self, monitor: str | None, direction: Direction, average: WeightAverage | None = None) -> None:
        """Say how the best epoch is chosen.

        Args:
            monitor: By which score. None: the last is the best.
            direction: Whether more of it is better.
            average: What is judged in place of the weights; the history says how many states are in it.
        """
        self.monitor, self.direction, self._average = monitor, direction, average
        self._sign = 1.0 if direction == "max" else -1.0
        self._validated = False
        self.rows: list[dict[str, float]] = []

    @property
    def needs_validation(self) -> bool:
        """Whether the best epoch is chosen by a score."""
        return self.monitor is not None

    def best_epoch(self) -> int | None:
        """Return the epoch with the best score, the first of equals; None where it was never measured."""
        return next(iter(self.best_epochs(1)), None)

    def best_epochs(self, count: int) -> list[int]:
        """Return the epochs with the best scores, at most so many, the best first; the first of equals."""
        if self.monitor is None:
            return list(reversed(range(len(self.rows))))[:count]
        measured = self._measured()
        return sorted(measured, key=lambda epoch: (-measured[epoch], epoch))[:count]

    def epochs_since_best(self) -> int:
        """Return how often the score was measured after the best epoch."""
        best = self.best_epoch()
        return 0 if best is None else sum(epoch > best for epoch in self._measured())

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:  # noqa: ARG002
        """Note that this epoch has validation scores."""
        self._validated = not trainer.sanity_checking

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:  # noqa: ARG002
        """Add a row for the epoch.

        Raises:
            TrainingError: Where the loss is no number any more, or the monitored score was not measured.
        """
        # Lightning goes on giving the scores of an earlier epoch where this one was not validated.
        scores = {
            name: float(value)
            for name, value in sorted(trainer.callback_metrics.items())
            if self._validated or not name.startswith("val/")
        }
        averaged = {} if self._average is None else {"averaged": float(self._average.count)}
        row = {"epoch": float(trainer.current_epoch), **averaged, **scores}
        self._check(row)
        self._validated = False
        self.rows.append(row)
        wanted = dict.fromkeys(("train/loss", "val/loss", self.monitor or "val/loss"))
        shown = "  ".join(f"{name} {row[name]:.4f}" for name in wanted if name in row)
        logger.info("Epoch %d of %s  %s", trainer.current_epoch + 1, trainer.max_epochs, shown)

    def state_dict(self) -> dict[str, Any]:
        """Return what a checkpoint keeps."""
        return {"rows": self.rows}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take the rows of the run that is resumed."""
        self.rows = list(state_dict["rows"])

    def _measured(self) -> dict[int, float]:
        """Return the score of each epoch in which it was a number; more is better."""
        scores = {epoch: row.get(self.monitor or "", math.nan) for epoch, row in enumerate(self.rows)}
        return {epoch: self._sign * score for epoch, score in scores.items() if math.isfinite(score)}

    def _check(self, row: dict[str, float]) -> None:
        if not math.isfinite(row.get("train/loss", 0.0)):
            raise TrainingError(
                f"The loss is {row['train/loss']} in epoch {row['epoch']:.0f}. Lower training.optimizer's "
                "learning_rate, or set trainer.gradient_clip_val."
            )
        if self._validated and not math.isfinite(row.get("val/loss", 0.0)):
            raise TrainingError(
                f"The loss on the validation split is {row['val/loss']} in epoch {row['epoch']:.0f}, and that of the "
                "training is a number. Its weights are not kept. Lower training.optimizer's learning_rate, set "
                "trainer.gradient_clip_val, and look at the values of the validation split."
            )
        if self._validated and self.monitor is not None and self.monitor not in row:
            raise TrainingError(
                f"'{self.monitor}' was not measured in epoch {row['epoch']:.0f}: the validation split has no answers "
                "that say anything of it, such as none of that class. Set training.monitor to another score, such as "
                "'val/loss', or split the samples anew."
            )

"""What happens beside the training steps."""

from __future__ import annotations

import logging
import random
from typing import Any

import numpy as np
import torch
from lightning import Callback, LightningModule, Trainer

logger = logging.getLogger(__name__)


class TrainingError(RuntimeError):
    """The training cannot go on."""


class SeedEachEpoch(Callback):
    """Seeds all generators anew at each epoch, so that a resumed run draws what an unbroken one draws."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:  # noqa: ARG002
        """Seed by run and epoch."""
        seed = (self._seed * 1_000_003 + trainer.current_epoch) % 2**32
        torch.manual_seed(seed)
        np.random.seed(seed)  # noqa: NPY002 - libraries beside ours draw from the global generator
        random.seed(seed)


class History(Callback):
    """Keeps the scores of each epoch. Its rows travel with Lightning's checkpoints, so a resumed history is whole."""

    def __init__(self) -> None:
        self.rows: list[dict[str, float]] = []

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:  # noqa: ARG002
        """Add a row for the epoch.

        Raises:
            TrainingError: Where the loss is no number any more.
        """
        scores = {name: float(value) for name, value in sorted(trainer.callback_metrics.items())}
        row = {"epoch": float(trainer.current_epoch), **scores}
        if not np.isfinite(row.get("train/loss", 0.0)):
            raise TrainingError(
                f"The loss is {row['train/loss']} in epoch {trainer.current_epoch}. Lower training.optimizer's "
                "learning_rate, or set trainer.gradient_clip_val."
            )
        self.rows.append(row)
        shown = "  ".join(f"{name} {row[name]:.4f}" for name in ("train/loss", "val/loss", "val/miou") if name in row)
        logger.info("Epoch %d of %s  %s", trainer.current_epoch + 1, trainer.max_epochs, shown)

    def state_dict(self) -> dict[str, Any]:
        """Return what a checkpoint keeps."""
        return {"rows": self.rows}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take the rows of the run that is resumed."""
        self.rows = list(state_dict["rows"])

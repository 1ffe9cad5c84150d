"""The mean of the weights of the best epochs, where it is better than each of them."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from lightning import Trainer
from torch import Tensor

from groundwork.data.datamodule import ChipDataModule
from groundwork.tasks.base import Task
from groundwork.training.callbacks import History
from groundwork.training.checkpoints import KeepWeights

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Kept:
    """The weights that a training ends with."""

    weights: dict[str, Tensor]
    #: What they are, with the scores that decided; empty where they are those of one epoch without a choice.
    words: str = ""


def mean_of(states: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Return the mean of weights, added up in float64; whole numbers, such as counts, are those of the first.

    Args:
        states: Weights by name, the best first.
    """
    first = states[0]
    return {
        name: torch.stack([state[name].double() for state in states]).mean(0).to(value.dtype)
        if value.is_floating_point()
        else value
        for name, value in first.items()
    }


def keep_better(task: Task, trainer: Trainer, module: ChipDataModule, kept: KeepWeights, history: History) -> Kept:
    """Return the mean of the kept weights, or those of the best epoch where these score as high.

    Args:
        task: Its model takes the mean, and is asked for its score.
        trainer: One whose only callback measures batch normalisation first.
        module: Whose validation split decides.
        kept: The weights.
        history: With the score of the best epoch.
    """
    epochs = kept.kept_epochs()
    states = [kept.load(epoch) for epoch in epochs]
    monitor = history.monitor
    if len(epochs) == 1 or monitor is None:
        return Kept(states[0])
    task.model.load_state_dict(mean_of(states))
    [scores] = trainer.validate(task, datamodule=module, verbose=False)
    mean, single = float(scores.get(monitor, float("nan"))), history.rows[epochs[0]][monitor]
    is_better = mean > single if history.direction == "max" else mean < single
    numbers = ", ".join(str(epoch) for epoch in sorted(epochs))
    compared = f"{monitor} of the mean of the epochs {numbers}: {mean:.6g}; of the best one, {epochs[0]}: {single:.6g}"
    words = f"{'the mean' if is_better else 'the best epoch'}; {compared}"
    logger.info("Kept: %s", words)
    if not is_better:
        return Kept(states[0], words)
    return Kept({name: value.detach().cpu().clone() for name, value in task.model.state_dict().items()}, words)

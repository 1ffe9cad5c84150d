"""The mean of the weights of the best epochs, where it is better than each of them."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from lightning import Trainer
from lightning.pytorch.strategies import DDPStrategy
from torch import Tensor

from groundwork.data.datamodule import ChipDataModule
from groundwork.tasks.base import Task
from groundwork.tasks.processes import agreed
from groundwork.training.batch_norm import measure_batch_norm
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


def measure_mean(task: Task, trainer: Trainer, kept: KeepWeights) -> None:
    """Measure what batch normalisation of the mean divides by, in all processes that trained, and keep the mean.

    The process that judges it knows batches of its own alone, and measures where these have not: of one epoch there is
    no mean, and networks that are cut into parts are not measured. All processes must take part, behind a training.

    Args:
        task: Its model takes the mean.
        trainer: That has trained it.
        kept: The weights, and where the mean is left.
    """
    epochs = kept.kept_epochs()
    if len(epochs) == 1 or not isinstance(trainer.strategy, DDPStrategy):
        return
    task.to(trainer.strategy.root_device)
    if trainer.is_global_zero:
        task.model.load_state_dict(mean_of([kept.load(epoch) for epoch in epochs]))
    # The files may not be seen yet by other machines.
    for value in task.model.state_dict().values():
        value.copy_(agreed(value))
    measure_batch_norm(task, trainer)
    if trainer.is_global_zero:
        kept.keep_mean(
            {name: value.detach().cpu().contiguous().clone() for name, value in task.model.state_dict().items()}
        )


def keep_better(task: Task, trainer: Trainer, module: ChipDataModule, kept: KeepWeights, history: History) -> Kept:
    """Return the mean of the kept weights, or those of the best epoch where these score as high.

    Args:
        task: Its model takes the mean, and is asked for its score.
        trainer: One whose only callback measures batch normalisation first, where processes have not measured it.
        module: Whose validation split decides.
        kept: The weights.
        history: With the score of the best epoch.
    """
    epochs = kept.kept_epochs()
    states = [kept.load(epoch) for epoch in epochs]
    monitor = history.monitor
    if len(epochs) == 1 or monitor is None:
        return Kept(states[0])
    task.model.load_state_dict(kept.load_mean() if kept.has_mean else mean_of(states))
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

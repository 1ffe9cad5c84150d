"""Steps that are made of several batches."""

from __future__ import annotations

import math

from lightning import Trainer


def share_of_step(trainer: Trainer | None, batch_idx: int) -> float:
    """Return what the loss of a batch is multiplied by, so that each step is the mean over its batches.

    Lightning divides losses by ``accumulate_grad_batches``, also where the last step of an epoch has fewer.

    Args:
        trainer: Of the training. None: there is none, and no step.
        batch_idx: Number of the batch in its epoch.
    """
    if trainer is None or trainer.accumulate_grad_batches == 1:
        return 1.0
    together, batches = trainer.accumulate_grad_batches, trainer.num_training_batches
    if math.isinf(batches):
        return 1.0
    left = int(batches % together)
    return together / left if left and batch_idx >= batches - left else 1.0

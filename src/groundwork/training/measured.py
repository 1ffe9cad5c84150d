"""Whether the weights that a training keeps are those whose scores it is told."""

from __future__ import annotations

import math

from lightning import Trainer

from groundwork.errors import TrainingError
from groundwork.training.messages import NOTHING_TO_CHOOSE_BY

_LAST = "or set 'training.monitor: null' to keep the last weights whatever they score"


def require_measured(trainer: Trainer) -> None:
    """Refuse a training that would choose weights by scores of others: they are kept after the last step of an epoch.

    Args:
        trainer: Of a training that begins, so that the length of an epoch is known.

    Raises:
        TrainingError: With what to change.
    """
    if not trainer.enable_validation or (trainer.check_val_every_n_epoch or 1) > (trainer.max_epochs or 1):
        raise TrainingError(NOTHING_TO_CHOOSE_BY)
    if math.isinf(trainer.num_training_batches):
        # A stream without a length ends where it ends, and is measured then.
        return
    batches, every = int(trainer.num_training_batches), trainer.val_check_batch
    goes_on = trainer.check_val_every_n_epoch is None
    if every is None or not (batches % every == 0 or (goes_on and every % batches == 0)):
        raise TrainingError(
            f"training.trainer.val_check_interval measures after each {every or 'span of time'} of the batches of an "
            f"epoch, and it has {batches}: weights are kept after the last of them, and would be chosen by scores that "
            f"were measured before. Take a number by which {batches} can be divided, or leave it out, {_LAST}"
        )
    steps = math.ceil(batches / trainer.accumulate_grad_batches)
    most = trainer.max_steps
    if 0 < most < steps * (trainer.max_epochs or 1) and most % steps:
        raise TrainingError(
            f"training.trainer.max_steps is {most}, and an epoch has {steps} steps: the training would end within an "
            "epoch, and the weights after its last steps would neither be measured nor kept. Take a multiple of the "
            f"steps of an epoch, or training.max_epochs, {_LAST}"
        )


def about_interval(error: ValueError) -> str:
    """Return what to change where an interval of validation is longer than an epoch; empty for any other error."""
    if "val_check_interval" not in str(error):
        return ""
    return (
        "training.trainer.val_check_interval is longer than an epoch. Leave it out, or let it count through epochs "
        f"by 'check_val_every_n_epoch: null' ({str(error).strip().partition('.')[0]})"
    )

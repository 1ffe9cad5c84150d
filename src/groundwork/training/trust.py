"""What ends a training, said in words: losses that are no numbers, memory and disks that are full."""

from __future__ import annotations

import errno
import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from lightning import Callback, LightningModule, Trainer
from torch import Tensor

from groundwork.config.training import TrainingConfig
from groundwork.errors import Ended, GroundworkError, TrainingError
from groundwork.models.memory import is_out_of_memory
from groundwork.training.measured import about_interval
from groundwork.training.messages import INTERRUPTED

logger = logging.getLogger(__name__)

#: On an accelerator, losses are looked at after so many steps: each look waits for all that is computed.
LOOK_EVERY = 25
_KILLED = re.compile(
    r"DataLoader worker .*(killed by signal|exited unexpectedly)|unable to (mmap|write|open)", re.DOTALL
)
_DISK_FULL = (errno.ENOSPC, errno.EDQUOT)


class FiniteLoss(Callback):
    """Ends a training in the step whose loss is no number, before its weights are kept."""

    def __init__(self) -> None:
        self._suspects: list[tuple[int, Tensor, list[str]]] = []

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: object, batch: object, batch_idx: int  # noqa: ARG002
    ) -> None:  # fmt: skip
        """Look at the loss.

        Raises:
            TrainingError: It names epoch, step and samples.
        """
        loss = outputs.get("loss") if isinstance(outputs, Mapping) else outputs
        if not isinstance(loss, Tensor):
            return
        samples = list(batch["sample_id"]) if isinstance(batch, Mapping) else []
        self._suspects.append((batch_idx, loss.detach(), samples))
        is_last = batch_idx + 1 == trainer.num_training_batches
        if loss.device.type == "cpu" or is_last or len(self._suspects) >= LOOK_EVERY:
            self._look(trainer.current_epoch)

    def _look(self, epoch: int) -> None:
        seen, self._suspects = self._suspects, []
        finite = torch.isfinite(torch.stack([loss.float() for _, loss, _ in seen])).tolist()
        for is_finite, (step, loss, samples) in zip(finite, seen, strict=True):
            if not is_finite:
                raise TrainingError(
                    f"The loss is {float(loss)} in epoch {epoch}, step {step} (both from 0), for the samples "
                    f"{samples}. Lower training.optimizer's learning_rate, or set trainer.gradient_clip_val; with "
                    "'precision: 16-mixed', take bf16-mixed. Where it is so from the first step on, look at the values "
                    "of these samples"
                )


@contextmanager
def explained(training: TrainingConfig, trainer: Trainer) -> Iterator[None]:
    """Say what to change where a training ends for want of memory or of room on a disk, or is interrupted.

    Beside these, where it would be measured more rarely than an epoch ends.

    The state after the last whole epoch stays, and the same command goes on after it.

    Raises:
        TrainingError: In place of what was raised.
    """
    try:
        yield
    except GroundworkError:
        raise
    except Ended:
        # Who has told it to end looks at the status.
        logger.warning(INTERRUPTED)
        raise
    except SystemExit:  # what Lightning makes of Ctrl-C
        raise TrainingError(INTERRUPTED) from None
    except (MemoryError, RuntimeError, ValueError) as error:
        text = about_interval(error) if isinstance(error, ValueError) else _about_memory(error, training, trainer)
        if not text:
            raise
        raise TrainingError(text) from error
    except OSError as error:
        if error.errno not in _DISK_FULL:
            raise
        raise TrainingError(
            f"The disk is full ({error}). Make room, and run the same command again: it goes on after its last whole "
            "epoch."
        ) from error


def _about_memory(error: MemoryError | RuntimeError, training: TrainingConfig, trainer: Trainer) -> str:
    first, size = str(error).strip().partition("\n")[0], training.loader.batch_size
    if _KILLED.search(str(error)):
        return (
            f"A process that reads chips was ended from outside ({first}): memory, or shared memory (/dev/shm), was "
            f"full. Lower training.loader.num_workers (now {training.loader.num_workers}) or loader.batch_size (now "
            f"{size}), and run the same command again."
        )
    if not is_out_of_memory(error):
        return ""
    steps = int(training.trainer.get("accumulate_grad_batches") or 1)
    smaller = max(size // 2, 1)
    same = f"'trainer.accumulate_grad_batches: {steps * size // smaller}' then keeps what a step learns from"
    return (
        f"Out of memory in epoch {trainer.current_epoch} ({first}). Lower training.loader.batch_size, such as from "
        f"{size} to {smaller} ({same}), set 'trainer.precision: bf16-mixed', or take smaller chips or a smaller model. "
        "The state after the last whole epoch is kept: with the same parameters, on a machine with more memory, the "
        "training goes on after it; with others, a new one begins."
    )

"""Measure again what batch normalisation divides by, for weights that no step has led to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from lightning import Callback, LightningModule, Trainer
from lightning.fabric.utilities import move_data_to_device
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from groundwork.batch import Batch
from groundwork.data.datamodule import ChipDataModule
from groundwork.tasks.base import Task
from groundwork.tasks.processes import process_count, with_own
from groundwork.training.norms_together import measured_together

#: Of what is drawn on the way, such as by dropout: the same each time.
_SEED = 0


def measure_batch_norm(task: Task, trainer: Trainer) -> None:
    """Measure mean and deviation of each batch normalisation over the training chips; frozen ones keep theirs.

    The chips are those of the first epoch, without augmentation: the same each time. Several processes measure together
    what one would over batches of all of theirs; all of them must take part.
    ``torch.optim.swa_utils.update_bn`` would also begin frozen ones anew, and never fill them.

    Args:
        task: Whose model is measured.
        trainer: Knows the chips, the device and the precision.
    """
    before = task.training
    task.train()
    norms = [part for part in task.model.modules() if isinstance(part, _BatchNorm) and _is_measured(part)]
    if norms:
        for norm in norms:
            norm.reset_running_stats()
        how = _by_themselves(norms) if process_count() == 1 else measured_together(norms)
        with how as counted, torch.no_grad(), torch.random.fork_rng(), trainer.precision_plugin.forward_context():
            torch.manual_seed(_SEED)
            for batch in _batches(trainer):
                own = batch.get("own")
                counted(own is None or bool(own.any()))
                task.ask(batch if own is None else with_own(batch))
    task.train(before)


@contextmanager
def _by_themselves(norms: Sequence[_BatchNorm]) -> Iterator[Callable[[bool], None]]:
    """Let norms count what they see, all batches alike."""
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = None
    yield lambda is_counted: None  # noqa: ARG005 - one process has no batch that is not
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum


class MeasureFirst(Callback):
    """Measures before the model is judged: by then the trainer has brought it to its device."""

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """See :func:`measure_batch_norm`."""
        if isinstance(pl_module, Task):
            measure_batch_norm(pl_module, trainer)


def _is_measured(norm: nn.Module) -> bool:
    return norm.training and isinstance(norm, _BatchNorm) and norm.track_running_stats


def _batches(trainer: Trainer) -> Iterator[Batch]:
    """Yield the batches of an epoch on the device, as many as the training is limited to."""
    module, most = getattr(trainer, "datamodule", None), trainer.limit_train_batches
    if not isinstance(module, ChipDataModule):
        raise TypeError(f"the chips of a training come from a ChipDataModule, found {module}")
    loader = module.train_dataloader()
    count = int(most) if isinstance(most, int) else int(len(loader) * (most or 1.0))
    for _, batch in zip(range(count), loader, strict=False):
        yield move_data_to_device(batch, trainer.strategy.root_device)

"""Measure again what batch normalisation divides by, for weights that no step has led to."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from lightning import Callback, LightningModule, Trainer
from lightning.fabric.utilities import move_data_to_device
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from groundwork.batch import Batch
from groundwork.data.datamodule import ChipDataModule
from groundwork.tasks.base import Task

#: Of what is drawn on the way, such as by dropout: the same each time.
_SEED = 0


def measure_batch_norm(task: Task, trainer: Trainer) -> None:
    """Measure mean and deviation of each batch normalisation over the training chips; frozen ones keep theirs.

    The chips are those of the first epoch, without augmentation: the same each time.
    ``torch.optim.swa_utils.update_bn`` would also begin frozen ones anew, and never fill them.

    Args:
        task: Whose model is measured.
        trainer: Knows the chips, the device and the precision.
    """
    before = task.training
    task.train()
    norms = [part for part in task.model.modules() if isinstance(part, _BatchNorm) and _is_measured(part)]
    momenta = [norm.momentum for norm in norms]
    if norms:
        for norm in norms:
            norm.reset_running_stats()
            # The mean over all batches alike.
            norm.momentum = None
        with torch.no_grad(), torch.random.fork_rng(), trainer.precision_plugin.forward_context():
            torch.manual_seed(_SEED)
            for batch in _batches(trainer):
                task.ask(batch)
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
    task.train(before)


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

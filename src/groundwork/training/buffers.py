"""What networks keep beside their weights, the same in all processes."""

from __future__ import annotations

from lightning import Callback, LightningModule, Trainer
from torch import distributed


class SameBuffers(Callback):
    """Before validation, gives the running means of norms of the first process to all: its weights are kept.

    DDP does so in some steps of training and validation, FSDP never.
    """

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Send them."""
        if trainer.world_size > 1:
            for buffer in pl_module.buffers():
                told = buffer.detach().contiguous()
                distributed.broadcast(told, 0)
                buffer.copy_(told)

"""Let parts of a model begin to learn after some epochs."""

from __future__ import annotations

import logging

from lightning import Callback, LightningModule, Trainer

from groundwork.config.training import FreezeConfig
from groundwork.models.interface import Model
from groundwork.tasks.base import Task
from groundwork.tasks.freezing import starts_of_learning

logger = logging.getLogger(__name__)


class Unfreezing(Callback):
    """Keeps weights as they are until their epoch; fresh ones and adapters learn from the first.

    A frozen weight has no gradient, so that the optimiser neither moves it nor lets it decay, and knows nothing of it
    when it begins to learn. What is frozen follows from the epoch alone: a resumed run needs no state of it.
    """

    def __init__(self, model: Model, freeze: FreezeConfig) -> None:
        """Find out from which epoch on each weight learns. Raises as :func:`starts_of_learning`."""
        self._starts = starts_of_learning(model, freeze)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Freeze what does not learn yet, statistics of batch normalisation included."""
        if not isinstance(pl_module, Task):
            return
        epoch, parameters = trainer.current_epoch, dict(pl_module.model.named_parameters())
        for name, start in self._starts.items():
            parameters[name].requires_grad_(epoch >= start)
        pl_module.model.train()
        if epoch == 0 or epoch in self._starts.values():
            frozen = sum(start > epoch for start in self._starts.values())
            logger.info("Epoch %d: %d of %d weight tensors are frozen", epoch + 1, frozen, len(parameters))

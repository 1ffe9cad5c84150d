"""Which ways of training in several processes can work, and how many processes a training asks for."""

from __future__ import annotations

from lightning import Trainer
from lightning.pytorch.strategies import DDPStrategy, DeepSpeedStrategy, FSDPStrategy

from groundwork.config.training import TrainingConfig
from groundwork.errors import ComponentError


def check_strategy(trainer: Trainer, training: TrainingConfig) -> None:
    """Refuse what cannot work in several processes here.

    Args:
        trainer: Built of what the training states.
        training: For messages.

    Raises:
        ComponentError: With what to change.
    """
    stated = training.trainer.get("strategy", "auto")
    if trainer.world_size == 1:
        return
    strategy = trainer.strategy
    if not isinstance(strategy, DDPStrategy | FSDPStrategy) or isinstance(strategy, DeepSpeedStrategy):
        raise ComponentError(
            f"training.trainer.strategy: '{stated}' keeps its state in another way than checkpoints here are; take "
            "'ddp', or 'fsdp' for models that do not fit into the memory of one GPU"
        )
    if isinstance(strategy, DDPStrategy) and strategy._start_method != "popen":  # noqa: SLF001 - nowhere else told
        raise ComponentError(
            f"training.trainer.strategy: '{stated}' starts processes of its own; processes are started for it here. "
            "Take 'ddp'"
        )
    if training.trainer.get("sync_batchnorm") and strategy.root_device.type != "cuda":
        raise ComponentError(
            "training.trainer.sync_batchnorm: PyTorch brings batch norms of several processes together on GPUs alone, "
            f"and this training computes on {strategy.root_device.type}. Leave it out"
        )

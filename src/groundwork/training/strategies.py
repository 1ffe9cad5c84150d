"""Which ways of training in several processes can work, and how many processes a training asks for."""

from __future__ import annotations

from lightning import Trainer
from lightning.pytorch.strategies import DDPStrategy, DeepSpeedStrategy, FSDPStrategy

from groundwork.config.training import TrainingConfig
from groundwork.errors import ComponentError

#: DDP that lets weights be without a slope, as those that do not learn yet.
WITH_IDLE_WEIGHTS = "ddp_find_unused_parameters_true"


def with_idle_weights(training: TrainingConfig) -> TrainingConfig:
    """Return a training whose processes do not wait for slopes of weights that begin to learn later.

    Raises:
        ComponentError: Where the strategy cannot do so.
    """
    stated = training.trainer.get("strategy", "auto")
    if training.freeze.until_epoch is None or stated == "auto":
        return training
    if stated not in ("ddp", WITH_IDLE_WEIGHTS):
        raise ComponentError(
            f"training.trainer.strategy: '{stated}' does not go with weights that begin to learn later "
            "('training.freeze.until_epoch'): take 'ddp', or leave 'until_epoch' out"
        )
    return training.model_copy(update={"trainer": {**training.trainer, "strategy": WITH_IDLE_WEIGHTS}})


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
    is_swa = training.averaging is not None and training.averaging.name == "swa"
    if is_swa and not isinstance(strategy, DDPStrategy):
        raise ComponentError(
            f"training.averaging: 'swa' measures batch normalisation with whole networks, which '{stated}' cuts into "
            "parts: take 'ema', or the strategy 'ddp'"
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

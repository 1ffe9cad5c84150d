"""Weights that are the mean of those of many steps or epochs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from typing import Annotated, Any, TypeAlias, final

import torch
from lightning import Callback, LightningModule, Trainer
from pydantic import Field
from torch import Tensor
from torch.optim.swa_utils import AveragedModel

from groundwork.config.training import TrainingConfig
from groundwork.errors import ComponentError
from groundwork.models.interface import Model
from groundwork.registry import Table, check_options, find, located
from groundwork.tasks.base import Task
from groundwork.training.batch_norm import measure_batch_norm
from groundwork.training.precision import HALF

Tensors: TypeAlias = list[Tensor] | tuple[Tensor, ...]


class WeightAverage(Callback, ABC):
    """Keeps a mean of the weights beside them. It is judged on the validation split, and kept in place of them.

    Of the model alone: the state of metrics is no weight. Whole numbers, such as counts of batches, are the newest.
    A final class says what is averaged when. Constructors take the model, and options behind a ``*``.
    """

    def __init__(self, model: Model) -> None:
        """Copy the model."""
        self._average = AveragedModel(model, multi_avg_fn=self._mix, use_buffers=True)
        self._last_step = 0

    @property
    def count(self) -> int:
        """How many states of the weights are in the mean; 0: there is none yet, the weights stand for themselves."""
        return int(self._average.n_averaged)

    @contextmanager
    def in_place(self, task: Task) -> Iterator[None]:
        """Put the mean in place of the weights of a task, and these back afterwards."""
        if self.count == 0:
            yield
            return
        self._swap(task)
        try:
            yield
        finally:
            self._swap(task)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:  # noqa: ARG002
        """Follow the model to its device."""
        self._average.to(pl_module.device)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: object, batch: object, batch_idx: int  # noqa: ARG002
    ) -> None:  # fmt: skip
        """Add the weights to the mean, where a step was made and it is time."""
        is_last = batch_idx + 1 == trainer.num_training_batches
        if isinstance(pl_module, Task) and trainer.global_step > self._last_step and self.is_due(trainer, is_last):
            self._last_step = trainer.global_step
            self._average.update_parameters(pl_module.model)
            self.after_update()

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Let the mean be judged."""
        if isinstance(pl_module, Task) and self._takes_part(trainer):
            self.complete(trainer, pl_module)
            self._swap(pl_module)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Let the weights go on."""
        if isinstance(pl_module, Task) and self._takes_part(trainer):
            self._swap(pl_module)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Make the mean ready to be kept."""
        if isinstance(pl_module, Task) and self.count:
            self.complete(trainer, pl_module)

    def state_dict(self) -> dict[str, Any]:
        """Return what a checkpoint keeps."""
        return {"average": self._average.state_dict(), "last_step": self._last_step}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on with the mean of the run that is resumed."""
        self._average.load_state_dict(state_dict["average"])
        self._last_step = int(state_dict["last_step"])

    @abstractmethod
    def is_due(self, trainer: Trainer, is_last: bool) -> bool:
        """Whether the weights are added to the mean after this step, the last one of its epoch or not."""

    def after_update(self) -> None:
        """Note that the mean is another one."""

    def complete(self, trainer: Trainer, task: Task) -> None:
        """Do what the mean needs before it is judged or kept."""

    @abstractmethod
    def share(self, count: int) -> float:
        """Return how far the mean of so many states is moved towards the weights, 0 to 1."""

    def _mix(self, means: Tensors, values: Tensors, count: Tensor | int) -> None:
        # torch's own averages fail on whole numbers, or give such as no step has led to.
        if means[0].is_floating_point():
            torch._foreach_lerp_(means, values, self.share(int(count)))
        else:
            for mean, value in zip(means, values, strict=True):
                mean.copy_(value)

    def _takes_part(self, trainer: Trainer) -> bool:
        return self.count > 0 and trainer.state.fn == "fit" and not trainer.sanity_checking

    def _swap(self, task: Task) -> None:
        # Not by name: weights that are shared have several.
        ours, theirs = (chain(model.parameters(), model.buffers()) for model in (self._average.module, task.model))
        with torch.no_grad():
            for mean, value in zip(ours, theirs, strict=True):
                kept = value.clone()
                value.copy_(mean)
                mean.copy_(kept)


@final
class MovingAverage(WeightAverage):
    """A moving mean over steps: each one moves it a little towards the weights (https://arxiv.org/abs/2403.18704).

    The statistics of batch normalisation are averaged as the weights are.

    Args:
        decay: Share of the mean that each step keeps.
        warmup: Whether the first steps keep less, (1 + n) / (10 + n) after n steps: else a short training ends near
            the weights that it began with.
    """

    def __init__(
        self, model: Model, *, decay: Annotated[float, Field(gt=0, lt=1)] = 0.999, warmup: bool = True
    ) -> None:
        """Copy the model."""
        self._decay, self._warmup = decay, warmup
        super().__init__(model)

    def is_due(self, trainer: Trainer, is_last: bool) -> bool:  # noqa: ARG002
        """See :class:`WeightAverage`: after each step."""
        return True

    def share(self, count: int) -> float:
        """See :class:`WeightAverage`."""
        return 1 - (min(self._decay, (1 + count) / (10 + count)) if self._warmup else self._decay)


@final
class EpochAverage(WeightAverage):
    """The mean of the weights after each epoch from one on (stochastic weight averaging, https://arxiv.org/abs/1803.05407).

    It needs a learning rate that does not fall to 0 in these epochs. What batch normalisation divides by is measured
    over the training chips for each mean, which costs one more look at them in each epoch.

    Args:
        from_epoch: The first epoch that is averaged, counted from 0 as in the history.
    """

    def __init__(self, model: Model, *, from_epoch: Annotated[int, Field(ge=0)]) -> None:
        """Copy the model."""
        self._from_epoch, self._is_complete = from_epoch, False
        super().__init__(model)

    def is_due(self, trainer: Trainer, is_last: bool) -> bool:
        """See :class:`WeightAverage`: after the last step of an epoch."""
        return is_last and trainer.current_epoch >= self._from_epoch

    def after_update(self) -> None:
        """See :class:`WeightAverage`."""
        self._is_complete = False

    def complete(self, trainer: Trainer, task: Task) -> None:
        """Measure what batch normalisation divides by."""
        if not self._is_complete:
            with self.in_place(task):
                measure_batch_norm(task, trainer)
        self._is_complete = True

    def share(self, count: int) -> float:
        """See :class:`WeightAverage`: all alike."""
        return 1 / (count + 1)


AVERAGES: Table = {"ema": MovingAverage, "swa": EpochAverage}


def check_averaging(training: TrainingConfig) -> None:
    """Refuse an average that is unknown, or that would never be taken.

    Raises:
        ComponentError: With what to change.
    """
    if training.averaging is None:
        return
    with located("training.averaging"):
        found = find(AVERAGES, training.averaging.name)
        if not issubclass(found, WeightAverage):
            raise ComponentError(f"'{training.averaging.name}' is {found}, which is no WeightAverage")
        first = check_options(found, training.averaging).get("from_epoch", 0)
        if first >= training.max_epochs:
            raise ComponentError(
                f"from_epoch is {first}, counted from 0, and there are {training.max_epochs} epochs (max_epochs): "
                "nothing would be averaged"
            )
        if training.trainer.get("precision") in HALF:
            raise ComponentError(
                "a mean of weights of half precision would not move: their digits are too coarse. Take 'precision: "
                "bf16-mixed' in training.trainer"
            )

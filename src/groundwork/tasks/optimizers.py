"""Optimisers and learning-rate schedules by name."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Annotated, TypeAlias

import torch
from pydantic import Field
from torch.nn import Parameter
from torch.optim import Optimizer

from groundwork.errors import ComponentError
from groundwork.registry import Table

#: What a step is multiplied by. At 0 nothing is learnt.
LearningRate: TypeAlias = Annotated[float, Field(gt=0, allow_inf_nan=False)]
#: How much of what came before is kept from one step to the next.
Momentum: TypeAlias = Annotated[float, Field(ge=0, lt=1)]
NotNegative: TypeAlias = Annotated[float, Field(ge=0, allow_inf_nan=False)]
#: Of a whole, 1 included.
Share: TypeAlias = Annotated[float, Field(ge=0, le=1)]


class OptimizerRecipe(ABC):
    """How weights are moved. Constructors take only options."""

    @abstractmethod
    def build(self, parameters: Iterable[Parameter]) -> Optimizer:
        """Return the optimiser of these parameters."""


class AdamWRecipe(OptimizerRecipe):
    """Adam with decoupled weight decay (https://arxiv.org/abs/1711.05101)."""

    def __init__(
        self,
        *,
        learning_rate: LearningRate = 1e-3,
        weight_decay: NotNegative = 0.01,
        betas: tuple[Momentum, Momentum] = (0.9, 0.999),
    ) -> None:
        self._learning_rate, self._weight_decay, self._betas = learning_rate, weight_decay, betas

    def build(self, parameters: Iterable[Parameter]) -> Optimizer:
        """See :class:`OptimizerRecipe`."""
        return torch.optim.AdamW(parameters, lr=self._learning_rate, weight_decay=self._weight_decay, betas=self._betas)


class SGDRecipe(OptimizerRecipe):
    """Stochastic gradient descent with momentum."""

    def __init__(
        self,
        *,
        learning_rate: LearningRate = 0.01,
        momentum: Momentum = 0.9,
        weight_decay: NotNegative = 0.0,
        nesterov: bool = False,
    ) -> None:
        if nesterov and not momentum:
            raise ComponentError("'sgd' with 'nesterov: true' needs a 'momentum' above 0")
        self._learning_rate, self._momentum = learning_rate, momentum
        self._weight_decay, self._nesterov = weight_decay, nesterov

    def build(self, parameters: Iterable[Parameter]) -> Optimizer:
        """See :class:`OptimizerRecipe`."""
        return torch.optim.SGD(
            parameters,
            lr=self._learning_rate,
            momentum=self._momentum,
            weight_decay=self._weight_decay,
            nesterov=self._nesterov,
        )


class Schedule(ABC):
    """How the learning rate changes. Constructors take only options."""

    @abstractmethod
    def factor(self, progress: float) -> float:
        """Return the factor on the learning rate at a share of the training, 0 to 1."""


class ConstantSchedule(Schedule):
    """The learning rate stays."""

    def __init__(self) -> None:
        """Take no options."""

    def factor(self, progress: float) -> float:  # noqa: ARG002
        """See :class:`Schedule`."""
        return 1.0


class CosineSchedule(Schedule):
    """A linear rise over the first share of the training, then half a cosine down to ``final``."""

    def __init__(self, *, warmup: Annotated[float, Field(ge=0, lt=1)] = 0.05, final: Share = 0.01) -> None:
        """Keep the options, both as shares: of the training (0.1 is its first tenth), and of the learning rate."""
        self._warmup, self._final = warmup, final

    def factor(self, progress: float) -> float:
        """See :class:`Schedule`."""
        if progress < self._warmup:
            return max(progress / self._warmup, 0.01)
        rest = (progress - self._warmup) / max(1 - self._warmup, 1e-9)
        return self._final + (1 - self._final) * 0.5 * (1 + math.cos(math.pi * min(rest, 1.0)))


OPTIMIZERS: Table = {"adamw": AdamWRecipe, "sgd": SGDRecipe}
SCHEDULES: Table = {"constant": ConstantSchedule, "cosine": CosineSchedule}

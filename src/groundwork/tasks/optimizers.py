"""Optimisers by name."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Annotated, Any, TypeAlias

import timm.optim
import torch
from pydantic import Field
from torch.optim import Optimizer

from groundwork.errors import ComponentError
from groundwork.registry import Table
from groundwork.strict import did_you_mean
from groundwork.tasks.foreign import ForeignClass, build_foreign, check_foreign, classes_of
from groundwork.tasks.parameter_groups import ParameterGroup

#: What a step is multiplied by. At 0 nothing is learnt.
LearningRate: TypeAlias = Annotated[float, Field(gt=0, allow_inf_nan=False)]
#: How much of what came before is kept from one step to the next.
Momentum: TypeAlias = Annotated[float, Field(ge=0, lt=1)]
NotNegative: TypeAlias = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class OptimizerRecipe(ABC):
    """How weights are moved. Constructors take only options."""

    @abstractmethod
    def build(self, groups: Sequence[ParameterGroup]) -> Optimizer:
        """Return the optimiser of these weights."""


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

    def build(self, groups: Sequence[ParameterGroup]) -> Optimizer:
        """See :class:`OptimizerRecipe`."""
        rate = self._learning_rate
        return torch.optim.AdamW(_as_torch(groups, rate), lr=rate, weight_decay=self._weight_decay, betas=self._betas)


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

    def build(self, groups: Sequence[ParameterGroup]) -> Optimizer:
        """See :class:`OptimizerRecipe`."""
        return torch.optim.SGD(
            _as_torch(groups, self._learning_rate),
            lr=self._learning_rate,
            momentum=self._momentum,
            weight_decay=self._weight_decay,
            nesterov=self._nesterov,
        )


class TorchRecipe(OptimizerRecipe):
    """Any optimiser of ``torch.optim``, such as ``RAdam``, with its own options.

    Args:
        optimizer: Name of the class.
        learning_rate: What a step is multiplied by.
        options: Of the class.
    """

    def __init__(self, *, optimizer: str, learning_rate: LearningRate, options: dict[str, Any] | None = None) -> None:
        """Find the class.

        Raises:
            ComponentError: For a name or an option that torch does not have, and a value that it does not take.
        """
        known = classes_of(torch.optim, Optimizer, without=("Optimizer",))
        self._class = check_foreign(known, optimizer, options or {}, "torch.optim", ("params", "lr"))
        self._options = {"lr": learning_rate, **(options or {})}
        _try(self._class, self._options)

    def build(self, groups: Sequence[ParameterGroup]) -> Optimizer:
        """See :class:`OptimizerRecipe`."""
        return _build(self._class, _as_torch(groups, self._options["lr"]), self._options)


class TimmRecipe(OptimizerRecipe):
    """Any optimiser of ``timm.optim``, such as ``lamb`` or ``lion``, with its own options.

    Args:
        optimizer: Its name in ``timm.optim.list_optimizers()``.
        learning_rate: What a step is multiplied by.
        options: Of the class.
    """

    def __init__(self, *, optimizer: str, learning_rate: LearningRate, options: dict[str, Any] | None = None) -> None:
        """Find the class.

        Raises:
            ComponentError: For a name or an option that timm does not have, and a value that it does not take.
        """
        known = timm.optim.list_optimizers()
        if optimizer not in known:
            raise ComponentError(f"timm.optim has no '{optimizer}'.{did_you_mean(optimizer, known)} Known: {known}")
        found = timm.optim.get_optimizer_class(optimizer, bind_defaults=False)
        # What the name says beyond the class, such as Nesterov's momentum, is kept beneath the options.
        defaults = timm.optim.get_optimizer_info(optimizer).defaults or {}
        self._class = check_foreign({optimizer: found}, optimizer, options or {}, "timm.optim", ("params", "lr"))
        self._options = {**defaults, "lr": learning_rate, **(options or {})}
        _try(self._class, self._options)

    def build(self, groups: Sequence[ParameterGroup]) -> Optimizer:
        """See :class:`OptimizerRecipe`."""
        return _build(self._class, _as_torch(groups, self._options["lr"]), self._options)


def _try(found: ForeignClass, options: dict[str, Any]) -> None:
    """Refuse values before a model is there: on a weight of two axes, as some take no other."""
    _build(found, [{"params": [torch.nn.Parameter(torch.zeros(2, 2))]}], options)


def _build(found: ForeignClass, groups: list[dict[str, Any]], options: dict[str, Any]) -> Optimizer:
    made = build_foreign(found, [groups], options)
    assert isinstance(made, Optimizer)  # noqa: S101 - of a class that is one
    return made


def _as_torch(groups: Sequence[ParameterGroup], learning_rate: float) -> list[dict[str, Any]]:
    """Return groups as optimisers take them."""
    return [
        {
            "params": list(group.parameters),
            "lr": learning_rate * group.rate,
            **({} if group.decays else {"weight_decay": 0.0}),
        }
        for group in groups
    ]


OPTIMIZERS: Table = {"adamw": AdamWRecipe, "sgd": SGDRecipe, "timm": TimmRecipe, "torch": TorchRecipe}

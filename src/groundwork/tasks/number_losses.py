"""Losses over numbers. Pixels whose number is not known are left out of all of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Annotated, cast

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from groundwork.config.training import LossTerm
from groundwork.registry import Table, build


class NumberLoss(nn.Module, ABC):
    """One loss of numbers. Constructors take options alone."""

    @abstractmethod
    def forward(self, errors: Tensor) -> Tensor:
        """Give the loss of each error, which is in deviations of its output, in the same shape."""

    def of_mean(self, means: Tensor) -> Tensor:
        """Give the loss of each output from the mean over its pixels (outputs,): the mean, unless told otherwise."""
        return means


class SquaredErrorLoss(NumberLoss):
    """Squared error."""

    def forward(self, errors: Tensor) -> Tensor:
        """See :class:`NumberLoss`."""
        return errors.square()


class RootSquaredErrorLoss(SquaredErrorLoss):
    """Root of the mean squared error of each output: the unit of the score of the same name."""

    def of_mean(self, means: Tensor) -> Tensor:
        """See :class:`NumberLoss`. At 0 the root has no slope."""
        return means.clamp(min=1e-12).sqrt()


class QuantileLoss(NumberLoss):
    """The pinball loss: what is learnt is the number below which a share of all lies (Koenker and Bassett 1978).

    Args:
        level: That share; 0.5 is the median.
    """

    def __init__(self, *, level: Annotated[float, Field(gt=0, lt=1)] = 0.5) -> None:
        super().__init__()
        self._level = level

    def forward(self, errors: Tensor) -> Tensor:
        """See :class:`NumberLoss`; errors are what is predicted less the truth."""
        return torch.maximum((1 - self._level) * errors, -self._level * errors)


class AbsoluteErrorLoss(NumberLoss):
    """Size of the error; single labels that are far off pull less at the others."""

    def forward(self, errors: Tensor) -> Tensor:
        """See :class:`NumberLoss`."""
        return errors.abs()


class HuberLoss(NumberLoss):
    """Squared error near 0, its size beyond ``delta`` (Huber 1964)."""

    def __init__(self, *, delta: Annotated[float, Field(gt=0)] = 1.0) -> None:
        """Keep where one becomes the other, in deviations of an output."""
        super().__init__()
        self._delta = delta

    def forward(self, errors: Tensor) -> Tensor:
        """See :class:`NumberLoss`."""
        return functional.huber_loss(errors, torch.zeros_like(errors), reduction="none", delta=self._delta)


NUMBER_LOSSES: Table = {
    "huber": HuberLoss,
    "mae": AbsoluteErrorLoss,
    "mse": SquaredErrorLoss,
    "quantile": QuantileLoss,
    "rmse": RootSquaredErrorLoss,
}


class WeightedNumberLosses(nn.Module):
    """The weighted sum of several losses; each output counts alike, whatever its unit and how often it is known."""

    std: Tensor

    def __init__(self, terms: Sequence[LossTerm], std: Sequence[float]) -> None:
        """Build each term.

        Args:
            terms: Name, weight and options of each.
            std: Deviation of each output in the training split, in its unit.

        Raises:
            ComponentError: For an unknown loss or option.
        """
        super().__init__()
        self._weights = [term.weight for term in terms]
        self._losses = nn.ModuleList(build(NumberLoss, NUMBER_LOSSES, term) for term in terms)
        self.register_buffer("std", torch.tensor(std), persistent=False)

    def forward(self, numbers: Tensor, truth: Tensor) -> Tensor:
        """Give a single number; 0 where nothing is known.

        Args:
            numbers: Predicted (batch, outputs, ...), in their units.
            truth: The same; NaN where not known.
        """
        known = ~truth.isnan()
        # What is not known is taken out before the difference: NaN would come back in the gradients.
        errors = (numbers - torch.where(known, truth, 0.0)) / self.std.reshape(-1, *(1,) * (truth.dim() - 2))
        errors = torch.where(known, errors, 0.0)
        axes = [axis for axis in range(truth.dim()) if axis != 1]
        counts = known.sum(dim=axes)
        total = torch.zeros_like(counts, dtype=errors.dtype)
        for weight, loss in zip(self._weights, self._losses, strict=True):
            means = torch.where(known, loss(errors), 0.0).sum(dim=axes) / counts.clamp(min=1)
            total = total + weight * cast("NumberLoss", loss).of_mean(means)
        return torch.where(counts > 0, total, 0.0).sum() / (counts > 0).sum().clamp(min=1)

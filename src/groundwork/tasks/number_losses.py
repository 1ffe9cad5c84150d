"""Losses over numbers. Pixels whose number is not known are left out of all of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import Annotated, ClassVar, cast

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from groundwork.config.training import LossTerm
from groundwork.errors import SpecError
from groundwork.registry import Table, build


class NumberLoss(nn.Module, ABC):
    """One loss of numbers. Constructors take options alone."""

    #: Whether it learns how far off numbers may be, too.
    learns_deviations: ClassVar[bool] = False

    @abstractmethod
    def forward(self, errors: Tensor, deviations: Tensor) -> Tensor:
        """Give the loss of each error, in the same shape.

        Args:
            errors: What is predicted less the truth, in deviations of its output in the training split.
            deviations: How far off the model says it may be, in the same; ones where it says nothing.
        """

    def of_mean(self, means: Tensor) -> Tensor:
        """Give the loss of each output from the mean over its pixels (outputs,): the mean, unless told otherwise."""
        return means


class SquaredErrorLoss(NumberLoss):
    """Squared error."""

    def forward(self, errors: Tensor, deviations: Tensor) -> Tensor:  # noqa: ARG002
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

    def forward(self, errors: Tensor, deviations: Tensor) -> Tensor:  # noqa: ARG002
        """See :class:`NumberLoss`; errors are what is predicted less the truth."""
        return torch.maximum((1 - self._level) * errors, -self._level * errors)


class AbsoluteErrorLoss(NumberLoss):
    """Size of the error; single labels that are far off pull less at the others."""

    def forward(self, errors: Tensor, deviations: Tensor) -> Tensor:  # noqa: ARG002
        """See :class:`NumberLoss`."""
        return errors.abs()


class HuberLoss(NumberLoss):
    """Squared error near 0, its size beyond ``delta`` (Huber 1964)."""

    def __init__(self, *, delta: Annotated[float, Field(gt=0)] = 1.0) -> None:
        """Keep where one becomes the other, in deviations of an output."""
        super().__init__()
        self._delta = delta

    def forward(self, errors: Tensor, deviations: Tensor) -> Tensor:  # noqa: ARG002
        """See :class:`NumberLoss`."""
        return functional.huber_loss(errors, torch.zeros_like(errors), reduction="none", delta=self._delta)


class GaussianLoss(NumberLoss):
    """Negative log-likelihood of the truth, were errors normally distributed with the deviations that the model gives.

    What is learnt is a number and how far off it may be (Nix and Weigend 1994; Kendall and Gal 2017).

    Args:
        beta: From 0 to 1: how much what is far off counts as much as in the squared error. 0 is the likelihood itself,
            which learns numbers slowly where it is unsure of them; 0.5 is recommended (Seitzer et al. 2022).
    """

    learns_deviations = True

    def __init__(self, *, beta: Annotated[float, Field(ge=0, le=1)] = 0.5) -> None:
        super().__init__()
        self._beta = beta

    def forward(self, errors: Tensor, deviations: Tensor) -> Tensor:
        """See :class:`NumberLoss`."""
        variance = deviations.square()
        loss = functional.gaussian_nll_loss(errors, torch.zeros_like(errors), variance, reduction="none", eps=1e-6)
        return loss * variance.detach() ** self._beta


NUMBER_LOSSES: Table = {
    "gaussian_nll": GaussianLoss,
    "huber": HuberLoss,
    "mae": AbsoluteErrorLoss,
    "mse": SquaredErrorLoss,
    "quantile": QuantileLoss,
    "rmse": RootSquaredErrorLoss,
}


class WeightedNumberLosses(nn.Module):
    """The weighted sum of several losses; each output counts alike, whatever its unit and how often it is known."""

    std: Tensor

    def __init__(self, terms: Sequence[LossTerm], std: Sequence[float], *, has_deviations: bool = False) -> None:
        """Build each term.

        Args:
            terms: Name, weight and options of each.
            std: Deviation of each output in the training split, in its unit.
            has_deviations: Whether the model says how far off its numbers may be.

        Raises:
            ComponentError: For an unknown loss or option.
            SpecError: Where deviations are learnt and not given, or the reverse.
        """
        super().__init__()
        self._weights = [term.weight for term in terms]
        self._losses = nn.ModuleList(build(NumberLoss, NUMBER_LOSSES, term) for term in terms)
        _match([term.name for term in terms], self._losses, has_deviations=has_deviations)
        self.register_buffer("std", torch.tensor(std), persistent=False)

    def forward(self, scores: Tensor, truth: Tensor) -> Tensor:
        """Give a single number; 0 where nothing is known.

        Args:
            scores: Predicted numbers (batch, outputs, ...), in their units; behind them their deviations, if any.
            truth: Numbers (batch, outputs, ...); NaN where not known.
        """
        known = ~truth.isnan()
        numbers, given = scores[:, : truth.shape[1]], scores[:, truth.shape[1] :]
        # What is not known is taken out before the difference: NaN would come back in the gradients.
        std = self.std.reshape(-1, *(1,) * (truth.dim() - 2))
        errors = torch.where(known, (numbers - torch.where(known, truth, 0.0)) / std, 0.0)
        deviations = given / std if given.shape[1] else torch.ones_like(errors)
        axes = [axis for axis in range(truth.dim()) if axis != 1]
        counts = known.sum(dim=axes)
        total = torch.zeros_like(counts, dtype=errors.dtype)
        for weight, loss in zip(self._weights, self._losses, strict=True):
            means = torch.where(known, loss(errors, deviations), 0.0).sum(dim=axes) / counts.clamp(min=1)
            total = total + weight * cast("NumberLoss", loss).of_mean(means)
        return torch.where(counts > 0, total, 0.0).sum() / (counts > 0).sum().clamp(min=1)


def _match(names: Sequence[str], losses: Iterable[nn.Module], *, has_deviations: bool) -> None:
    """Refuse deviations that no loss would learn, and a loss of deviations that no model gives."""
    learners = [name for name, loss in zip(names, losses, strict=True) if cast("NumberLoss", loss).learns_deviations]
    if has_deviations and not learners:
        raise SpecError(
            f"'data.target.deviation' asks how far off each number may be, which {list(names)} do not learn: set "
            "'training.loss' to 'gaussian_nll', alone or beside them, or remove 'deviation'"
        )
    if learners and not has_deviations:
        raise SpecError(
            f"The loss '{learners[0]}' learns how far off each number may be: set 'data.target.deviation: true', so "
            "that the model says it, or take another loss, such as 'mse'"
        )

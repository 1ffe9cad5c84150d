"""Losses over several classes per image. Answers that nobody knows are left out of all of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Annotated, Literal, NamedTuple, TypeAlias

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional
from torchvision.ops import sigmoid_focal_loss

from groundwork.config.training import LossTerm
from groundwork.errors import SpecError
from groundwork.registry import Table, build
from groundwork.targets.labels import IGNORE
from groundwork.tasks.optimizers import NotNegative

#: Nothing below it is raised to a power: the slope of a root is not finite at 0.
TINY = 1e-8


class ClassAnswers(NamedTuple):
    """Training pixels whose image is of a class, and those whose image is not."""

    yes: int
    no: int


Answered: TypeAlias = tuple[ClassAnswers, ...]


class SetLoss(nn.Module, ABC):
    """One loss. Constructors take ``(answered: tuple[ClassAnswers, ...], *, options)``."""

    @abstractmethod
    def forward(self, scores: Tensor, truth: Tensor) -> Tensor:
        """Give the loss of each answer, in the same shape.

        Args:
            scores: Raw scores (batch, classes).
            truth: 1 where an image is of a class, 0 where it is not, in the type of the scores.
        """


class BinaryCrossEntropyLoss(SetLoss):
    """Cross-entropy of each answer by itself; answers of yes count more where asked for."""

    weight: Tensor | None

    def __init__(
        self,
        answered: Answered,
        *,
        positive_weights: Literal["none", "inverse", "inverse_sqrt"] | tuple[NotNegative, ...] = "none",
    ) -> None:
        """Derive what each yes counts: ``inverse`` is the number of noes for each yes in training; or state them.

        A class without a training image of yes, or of no, keeps the weight 1: there is nothing to balance.
        """
        super().__init__()
        self.register_buffer("weight", _positive_weights(answered, positive_weights), persistent=False)

    def forward(self, scores: Tensor, truth: Tensor) -> Tensor:
        """See :class:`SetLoss`."""
        weight = None if self.weight is None else self.weight.to(scores)
        return functional.binary_cross_entropy_with_logits(scores, truth, pos_weight=weight, reduction="none")


class BinaryFocalLoss(SetLoss):
    """Cross-entropy of each answer, less for those that are right already (Lin et al. 2017)."""

    def __init__(
        self,
        answered: Answered,  # noqa: ARG002
        *,
        alpha: Annotated[float, Field(ge=0, le=1)] | None = 0.25,
        gamma: NotNegative = 2.0,
    ) -> None:
        """Keep ``alpha``, what a yes counts beside ``1 - alpha`` for a no (null: alike), and how steeply less it is."""
        super().__init__()
        # The function takes a negative number for none.
        self._alpha, self._gamma = -1.0 if alpha is None else alpha, gamma

    def forward(self, scores: Tensor, truth: Tensor) -> Tensor:
        """See :class:`SetLoss`."""
        loss: Tensor = sigmoid_focal_loss(scores, truth, self._alpha, self._gamma, reduction="none")
        return loss


class AsymmetricLoss(SetLoss):
    """Focal loss that forgets easy answers of no, and those that may be wrongly labelled (Ridnik et al. 2021)."""

    def __init__(
        self,
        answered: Answered,  # noqa: ARG002
        *,
        gamma_positive: NotNegative = 0.0,
        gamma_negative: NotNegative = 4.0,
        margin: Annotated[float, Field(ge=0, lt=1)] = 0.05,
    ) -> None:
        """Keep both exponents, and the ``margin``: answers of no whose probability lies below it cost nothing."""
        super().__init__()
        self._positive, self._negative, self._margin = gamma_positive, gamma_negative, margin

    def forward(self, scores: Tensor, truth: Tensor) -> Tensor:
        """See :class:`SetLoss`."""
        yes = (-scores).sigmoid().clamp(min=TINY) ** self._positive * functional.logsigmoid(scores)
        shifted = (scores.sigmoid() - self._margin).clamp(min=TINY)
        # One less the shifted probability, without what is lost near 1.
        remaining = ((-scores).sigmoid() + self._margin).clamp(min=TINY, max=1)
        return -(truth * yes + (1 - truth) * shifted**self._negative * remaining.log())


SET_LOSSES: Table = {
    "binary_cross_entropy": BinaryCrossEntropyLoss,
    "binary_focal": BinaryFocalLoss,
    "asymmetric": AsymmetricLoss,
}


class WeightedSetLosses(nn.Module):
    """The weighted sum of several losses, as the mean over the answers that are known."""

    def __init__(self, terms: Sequence[LossTerm], answered: Answered) -> None:
        """Build each term.

        Raises:
            ComponentError: For an unknown loss or option.
        """
        super().__init__()
        self._weights = [term.weight for term in terms]
        self._losses = nn.ModuleList(build(SetLoss, SET_LOSSES, term, answered) for term in terms)

    def forward(self, scores: Tensor, truth: Tensor) -> Tensor:
        """Give a single number; 0 where nothing is known.

        Args:
            scores: Raw scores (batch, classes).
            truth: Answers (batch, classes), IGNORE where not known.
        """
        known = truth != IGNORE
        answers = truth.clamp(min=0).to(scores)
        pairs = zip(self._weights, self._losses, strict=True)
        total = torch.stack([weight * loss(scores, answers) for weight, loss in pairs]).sum(dim=0)
        return torch.where(known, total, 0.0).sum() / known.sum().clamp(min=1)


def _positive_weights(answered: Answered, choice: str | tuple[float, ...]) -> Tensor | None:
    if choice == "none":
        return None
    if not isinstance(choice, str):
        if len(choice) != len(answered):
            raise SpecError(f"'positive_weights' has {len(choice)} entries for {len(answered)} classes.")
        return torch.tensor(choice, dtype=torch.float32)
    weights = torch.tensor([count.no / count.yes if count.yes and count.no else 1.0 for count in answered])
    return weights.sqrt() if choice == "inverse_sqrt" else weights

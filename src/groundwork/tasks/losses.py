"""Losses over class scores. Pixels whose class is not known are left out of all of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Annotated, Literal, TypeAlias

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from groundwork.config.training import LossTerm
from groundwork.errors import SpecError
from groundwork.registry import Table, build
from groundwork.targets.labels import IGNORE
from groundwork.tasks.optimizers import NotNegative


class Loss(nn.Module, ABC):
    """One loss. Constructors take ``(class_pixels: tuple[int, ...], *, options)``: training pixels of each class."""

    @abstractmethod
    def forward(self, scores: Tensor, labels: Tensor) -> Tensor:
        """Give a single number; 0 where no pixel is known.

        Args:
            scores: Raw scores (batch, classes, height, width).
            labels: Class indexes (batch, height, width), IGNORE where not known.
        """


class CrossEntropyLoss(Loss):
    """Mean cross-entropy over the known pixels, weighted by class where asked for."""

    weight: Tensor | None

    def __init__(
        self,
        class_pixels: tuple[int, ...],
        *,
        class_weights: Literal["none", "inverse", "inverse_sqrt"] | tuple[NotNegative, ...] = "none",
        label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0,
    ) -> None:
        """Derive the class weights; ``inverse`` and ``inverse_sqrt`` are relative to the mean class frequency.

        A class without training pixels has weight 0: it is in no label, and smoothed labels must not pull at it.
        """
        super().__init__()
        self._label_smoothing = label_smoothing
        self.register_buffer("weight", _class_weights(class_pixels, class_weights), persistent=False)

    def forward(self, scores: Tensor, labels: Tensor) -> Tensor:
        """See :class:`Loss`. The mean is over pixels, each counted by the weight of its class."""
        if self.weight is not None:
            # A class without weight counts for nothing; smoothed, its pixels would pull at the others.
            counts = (labels == IGNORE) | (self.weight[labels.clamp(min=0)] > 0)
            labels = torch.where(counts, labels, IGNORE)
        total = functional.cross_entropy(
            scores, labels, self.weight, ignore_index=IGNORE, reduction="sum", label_smoothing=self._label_smoothing
        )
        known = labels[labels != IGNORE]
        count = known.numel() if self.weight is None else self.weight[known].sum()
        return total / torch.as_tensor(count, device=total.device).clamp(min=1e-6)


#: Which classes a mean is taken over: those that are present in a batch, or all.
Over: TypeAlias = Literal["present", "all"]


class DiceLoss(Loss):
    """One minus the Dice coefficient of each class, averaged (Milletari et al. 2016).

    Args:
        class_pixels: See :class:`Loss`.
        smooth: Is added to both sides of the fraction.
        over: What the mean is taken over: the classes that are present in the batch, or all, of which those that are
            not present cost nothing.
    """

    def __init__(
        self,
        class_pixels: tuple[int, ...],  # noqa: ARG002
        *,
        smooth: NotNegative = 1.0,
        over: Over = "present",
    ) -> None:
        super().__init__()
        self._smooth, self._over = smooth, over

    def forward(self, scores: Tensor, labels: Tensor) -> Tensor:
        """See :class:`Loss`."""
        known = (labels != IGNORE).unsqueeze(1)
        truth = functional.one_hot(labels.clamp(min=0), scores.shape[1]).movedim(-1, 1) * known
        predicted = scores.softmax(dim=1) * known
        overlap = (predicted * truth).sum(dim=(0, 2, 3))
        area = predicted.sum(dim=(0, 2, 3)) + truth.sum(dim=(0, 2, 3))
        occurs = (truth.sum(dim=(0, 2, 3)) > 0).to(scores.dtype)
        # Without smoothing, nothing at all would be divided by nothing.
        dice = (2 * overlap + self._smooth) / (area + self._smooth).clamp(min=1e-7)
        total: Tensor = ((1 - dice) * occurs).sum()
        return total / (len(occurs) if self._over == "all" else occurs.sum().clamp(min=1))


class FocalLoss(Loss):
    """Cross-entropy that looks away from pixels that are known well already (https://arxiv.org/abs/1708.02002).

    Args:
        class_pixels: See :class:`Loss`.
        focus: How much; 0 is cross-entropy.
        class_weights: As of ``cross_entropy``.
    """

    weight: Tensor | None

    def __init__(
        self,
        class_pixels: tuple[int, ...],
        *,
        focus: NotNegative = 2.0,
        class_weights: Literal["none", "inverse", "inverse_sqrt"] | tuple[NotNegative, ...] = "none",
    ) -> None:
        super().__init__()
        self._focus = focus
        self.register_buffer("weight", _class_weights(class_pixels, class_weights), persistent=False)

    def forward(self, scores: Tensor, labels: Tensor) -> Tensor:
        """See :class:`Loss`. The mean is over pixels, each counted by the weight of its class."""
        surprise = functional.cross_entropy(scores, labels, ignore_index=IGNORE, reduction="none")
        known = labels != IGNORE
        # Where nothing is missing a power has no slope; what is not known has no surprise, so that it must not count.
        missing = (1 - torch.exp(-surprise)).clamp(min=1e-6) ** self._focus
        counted = known.to(scores.dtype) if self.weight is None else self.weight.to(scores)[labels.clamp(min=0)] * known
        return (missing * surprise * counted).sum() / counted.sum().clamp(min=1e-6)


LOSSES: Table = {
    "boundary": "groundwork.tasks.area_losses:BoundaryLoss",
    "cross_entropy": CrossEntropyLoss,
    "dice": DiceLoss,
    "focal": FocalLoss,
    "jaccard": "groundwork.tasks.area_losses:JaccardLoss",
    "lovasz": "groundwork.tasks.area_losses:LovaszLoss",
    "tversky": "groundwork.tasks.area_losses:TverskyLoss",
}
#: Losses that compare areas, which an image with one class has not.
OF_AREAS = ("boundary", "dice", "jaccard", "lovasz", "tversky")


class WeightedLosses(nn.Module):
    """The weighted sum of several losses."""

    def __init__(self, terms: Sequence[LossTerm], class_pixels: tuple[int, ...]) -> None:
        """Build each term.

        Raises:
            ComponentError: For an unknown loss or option.
        """
        super().__init__()
        self._weights = [term.weight for term in terms]
        self._losses = nn.ModuleList(build(Loss, LOSSES, term, class_pixels) for term in terms)

    def forward(self, scores: Tensor, labels: Tensor) -> Tensor:
        """Give the sum. See :class:`Loss`."""
        parts = [weight * loss(scores, labels) for weight, loss in zip(self._weights, self._losses, strict=True)]
        return torch.stack(parts).sum()


def check_auxiliary(branches: Sequence[str], weights: Sequence[str]) -> None:
    """Refuse auxiliary branches without a loss, and losses without a branch.

    Raises:
        SpecError: With both differences.
    """
    without_loss = sorted(set(branches) - set(weights))
    without_branch = sorted(set(weights) - set(branches))
    if without_loss or without_branch:
        raise SpecError(
            "Auxiliary branches and their losses are matched by name: branches without a weight in "
            f"'training.auxiliary_loss': {without_loss}; weights without a branch in 'model.auxiliary': "
            f"{without_branch}."
        )


def _class_weights(class_pixels: tuple[int, ...], choice: str | tuple[float, ...]) -> Tensor | None:
    if choice == "none":
        return None
    if not isinstance(choice, str):
        if len(choice) != len(class_pixels):
            raise SpecError(f"'class_weights' has {len(choice)} entries for {len(class_pixels)} classes.")
        if not any(choice):
            raise SpecError("'class_weights' are all 0: nothing would be learnt")
        return torch.tensor(choice, dtype=torch.float32)
    pixels = torch.tensor(class_pixels, dtype=torch.float32)
    weights = torch.where(pixels > 0, pixels.mean() / pixels.clamp(min=1), 0.0)
    return weights.sqrt() if choice == "inverse_sqrt" else weights

"""Losses that compare the area of each class, and where its edges lie."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from scipy.ndimage import distance_transform_edt
from segmentation_models_pytorch import losses as smp
from torch import Tensor

from groundwork.targets.labels import IGNORE
from groundwork.tasks.losses import Loss, Over
from groundwork.tasks.optimizers import NotNegative

#: Above 0: what an area that was not found, or found too much, counts.
Positive: TypeAlias = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class JaccardLoss(Loss):
    """One minus the intersection over union of each class, averaged.

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
        self._loss, self._over = smp.JaccardLoss("multiclass", smooth=smooth), over

    def forward(self, scores: Tensor, labels: Tensor) -> Tensor:
        """See :class:`Loss`."""
        over_occurring = _over_occurring(self._loss, scores, labels)
        if self._over == "present":
            return over_occurring
        _, classes = _known(scores, labels)
        return over_occurring * len(_occurring(classes, scores.shape[1])) / scores.shape[1]


class TverskyLoss(Loss):
    """One minus the Tversky index, over the classes that occur: Dice with a say in which error is the worse one.

    Salehi et al. 2017 (https://arxiv.org/abs/1706.05721); the power is Abraham's and Khan's
    (https://arxiv.org/abs/1810.07842).

    Args:
        class_pixels: See :class:`Loss`.
        false_positives: What a pixel counts that is wrongly called a class.
        false_negatives: What a pixel of a class counts that was not found. More than the other finds more of rare ones.
        power: On the loss of each class; above 1 classes that are learnt well count less.
        smooth: Is added to both sides of the fraction.
    """

    def __init__(
        self,
        class_pixels: tuple[int, ...],
        *,
        false_positives: Positive = 0.3,
        false_negatives: Positive = 0.7,
        power: Positive = 1.0,
        smooth: NotNegative = 1.0,
    ) -> None:
        super().__init__()
        # The power stands outside of the library's mean over all classes, those that do not occur included.
        self._losses = [
            smp.TverskyLoss("multiclass", classes=[index], alpha=false_positives, beta=false_negatives, smooth=smooth)
            for index in range(len(class_pixels))
        ]
        self._power = power

    def forward(self, scores: Tensor, labels: Tensor) -> Tensor:
        """See :class:`Loss`."""
        known, classes = _known(scores, labels)
        occurring = _occurring(classes, scores.shape[1])
        if not occurring:
            return scores.sum() * 0.0
        parts = [self._losses[index](known, classes).clamp(min=0) ** self._power for index in occurring]
        return torch.stack(parts).mean()


class LovaszLoss(Loss):
    """The Lovasz extension of intersection over union, over the classes that occur.

    Berman et al. 2018 (https://arxiv.org/abs/1705.08790).
    """

    def __init__(self, class_pixels: tuple[int, ...]) -> None:  # noqa: ARG002
        super().__init__()
        self._loss = smp.LovaszLoss("multiclass")

    def forward(self, scores: Tensor, labels: Tensor) -> Tensor:
        """See :class:`Loss`."""
        known, classes = _known(scores, labels)
        if not classes.numel():
            return scores.sum() * 0.0
        # The library counts in single precision.
        loss: Tensor = self._loss(known[..., None].float(), classes[..., None])
        return loss


class BoundaryLoss(Loss):
    """How far from the true edge what is called a class lies: inside counts for it, outside against it.

    Kervadec et al. 2019 (https://arxiv.org/abs/1812.07032). It says nothing of areas: take it beside another loss. The
    distances are computed on the processor for each batch.

    Args:
        class_pixels: See :class:`Loss`.
        most: Distances beyond this many pixels count as this many.
    """

    def __init__(self, class_pixels: tuple[int, ...], *, most: Positive = 20.0) -> None:  # noqa: ARG002
        super().__init__()
        self._most = most

    def forward(self, scores: Tensor, labels: Tensor) -> Tensor:
        """See :class:`Loss`."""
        distances = torch.from_numpy(signed_distances(labels.cpu().numpy(), scores.shape[1], self._most)).to(scores)
        known = (labels != IGNORE).unsqueeze(1)
        total = (scores.softmax(dim=1) * distances * known).sum() / self._most
        return total / (known.sum() * scores.shape[1]).clamp(min=1)


def signed_distances(labels: NDArray[np.int64], count: int, most: float) -> NDArray[np.float32]:
    """Return the distance of each pixel to the edge of each class, in pixels, negative inside.

    Args:
        labels: Class indexes (batch, height, width).
        count: Number of classes.
        most: Longest distance; also where a class is nowhere, or everywhere.

    Returns:
        (batch, classes, height, width).
    """
    distances = np.zeros((len(labels), count, *labels.shape[1:]), np.float32)
    for image, by_class in zip(labels, distances, strict=True):
        for index, plane in enumerate(by_class):
            inside = image == index
            # An edge lies between two pixels, half a pixel from the centre of each.
            if inside.all():
                plane[...] = -most
            elif not inside.any():
                plane[...] = most
            else:
                outer, inner = distance_transform_edt(~inside), distance_transform_edt(inside)
                plane[...] = np.where(inside, 0.5 - inner, outer - 0.5).clip(-most, most)
    return distances


def _known(scores: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Return scores (1, classes, pixels) and classes (1, pixels) of the pixels that are known."""
    known = labels != IGNORE
    return scores.movedim(1, -1)[known].movedim(-1, 0)[None], labels[known][None]


def _over_occurring(loss: torch.nn.Module, scores: Tensor, labels: Tensor) -> Tensor:
    """Return a loss that the library averages over all classes as one over those that occur."""
    known, classes = _known(scores, labels)
    if not classes.numel():
        return scores.sum() * 0.0
    total: Tensor = loss(known, classes) * scores.shape[1]
    return total / len(_occurring(classes, scores.shape[1]))


def _occurring(classes: Tensor, count: int) -> list[int]:
    return [index for index in range(count) if bool((classes == index).any())]

"""Count pixels by true and predicted class."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from groundwork.targets.labels import IGNORE


def count_pixels(truth: Tensor, predicted: Tensor, num_classes: int) -> Tensor:
    """Count the pixels of each pair of classes.

    Integers are added, so that the counts are the same in any order, on any device.

    Args:
        truth: Class indexes of any shape; IGNORE where not known.
        predicted: Class indexes of the same shape.
        num_classes: Number of classes.

    Returns:
        Pixels (true class, predicted class), int64.
    """
    pairs = torch.where(truth == IGNORE, num_classes**2, truth * num_classes + predicted)
    counts = torch.bincount(pairs.flatten(), minlength=num_classes**2 + 1)
    return counts[:-1].reshape(num_classes, num_classes)


class ConfusionMatrix(nn.Module):
    """Adds up pixel counts over batches. Its size does not depend on how many pixels there are."""

    counts: Tensor

    def __init__(self, num_classes: int) -> None:
        """Begin with no pixel."""
        super().__init__()
        self.register_buffer("counts", torch.zeros(num_classes, num_classes, dtype=torch.int64), persistent=False)

    def update(self, truth: Tensor, predicted: Tensor) -> None:
        """Add a batch; see :func:`count_pixels`."""
        self.counts += count_pixels(truth, predicted, len(self.counts))

    def reset(self) -> None:
        """Begin anew."""
        self.counts.zero_()

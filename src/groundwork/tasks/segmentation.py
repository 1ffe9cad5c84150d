"""One class for each pixel."""

from __future__ import annotations

from torch import Tensor

from groundwork.data.chips import Batch
from groundwork.data.statistics import Statistics
from groundwork.targets.pixel_classes import PixelClasses
from groundwork.tasks.base import Task
from groundwork.tasks.losses import WeightedLosses


class SemanticSegmentationTask(Task):
    """Learns one class for each pixel. Scores come from one confusion matrix over all known pixels of a split."""

    answers = PixelClasses

    def prepare(self, statistics: Statistics) -> None:
        """Build the criterion."""
        class_pixels = tuple(statistics.class_pixels[name] for name in self.target.names)
        self._losses = WeightedLosses(self.training_config.loss, class_pixels)

    def criterion(self, scores: Tensor, batch: Batch) -> Tensor:
        """See :class:`Task`."""
        loss: Tensor = self._losses(scores, batch["mask"])
        return loss

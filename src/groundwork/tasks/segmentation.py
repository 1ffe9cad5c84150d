"""One class for each pixel."""

from __future__ import annotations

from torch import Tensor

from groundwork.data.chips import Batch
from groundwork.data.statistics import Statistics
from groundwork.specs import SpecError, TargetSpec
from groundwork.tasks.base import Direction, Task
from groundwork.tasks.confusion import ConfusionMatrix
from groundwork.tasks.losses import WeightedLosses
from groundwork.tasks.metrics import compute_scores


class SemanticSegmentationTask(Task):
    """Learns one class for each pixel. Scores come from one confusion matrix over all known pixels of a split."""

    def prepare(self, statistics: Statistics) -> None:
        """Build criterion and confusion matrix."""
        class_pixels = tuple(statistics.class_pixels[name] for name in self.target.names)
        self._losses = WeightedLosses(self.training_config.loss, class_pixels)
        self._confusion = ConfusionMatrix(self.target.num_outputs)

    def criterion(self, scores: Tensor, batch: Batch) -> Tensor:
        """See :class:`Task`."""
        loss: Tensor = self._losses(scores, batch["mask"])
        return loss

    def decide(self, scores: Tensor) -> Tensor:
        """Return the index of the highest score (batch, height, width)."""
        return scores.argmax(dim=1)

    def record(self, split: str, scores: Tensor, batch: Batch) -> None:  # noqa: ARG002
        """See :class:`Task`."""
        self._confusion.update(batch["mask"], self.decide(scores))

    @classmethod
    def check_target(cls, target: TargetSpec) -> None:
        """See :class:`Task`."""
        if not target.classes or target.per != "pixel":
            raise SpecError(
                "'semantic_segmentation' learns classes per pixel: give data.target.classes, and 'per: pixel'. No task "
                "for numbers, whole images or objects is there yet"
            )

    @classmethod
    def score_directions(cls, target: TargetSpec) -> dict[str, Direction]:
        """See :class:`Task`."""
        return dict.fromkeys(["miou", "overall_accuracy", *(f"iou_{name}" for name in target.names)], "max")

    def conclude(self, split: str) -> dict[str, float]:  # noqa: ARG002
        """Return ``miou``, ``overall_accuracy`` and the IoU of each class that occurs."""
        confusion = self._confusion.counts.cpu().numpy().copy()
        self._confusion.reset()
        scores = compute_scores(confusion, self.target.names)
        by_class = {f"iou_{name}": entry.iou for name, entry in scores.classes.items() if entry.iou is not None}
        return {"miou": scores.miou, "overall_accuracy": scores.overall_accuracy, **by_class}

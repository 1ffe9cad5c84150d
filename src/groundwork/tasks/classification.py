"""One class for each image."""

from __future__ import annotations

from collections.abc import Sequence

from groundwork.config.training import LossTerm
from groundwork.errors import ComponentError
from groundwork.specs import TargetSpec
from groundwork.targets.image_classes import ImageClasses
from groundwork.tasks.class_task import ClassTask
from groundwork.tasks.losses import OF_AREAS


class ClassificationTask(ClassTask):
    """Learns one class for each image. Scores come from one confusion matrix over all images of a split."""

    answers = ImageClasses

    @classmethod
    def check_losses(cls, losses: Sequence[LossTerm], target: TargetSpec) -> None:
        """See :class:`Task`."""
        for loss in losses:
            if loss.name in OF_AREAS:
                raise ComponentError(f"'{loss.name}' compares areas, and an image has one class: take 'cross_entropy'")
        super().check_losses(losses, target)

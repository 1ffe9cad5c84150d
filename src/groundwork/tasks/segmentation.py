"""One class for each pixel."""

from __future__ import annotations

from groundwork.targets.pixel_classes import PixelClasses
from groundwork.tasks.class_task import ClassTask


class SemanticSegmentationTask(ClassTask):
    """Learns one class for each pixel. Scores come from one confusion matrix over all known pixels of a split."""

    answers = PixelClasses

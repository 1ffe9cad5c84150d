"""Boxes of objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from torch import Tensor

from groundwork.batch import Batch, images_of
from groundwork.config.model import ModelConfig
from groundwork.config.training import LossTerm, TrainingConfig
from groundwork.data.statistics import Statistics
from groundwork.errors import SpecError
from groundwork.models.assembly.detection import DetectionModel
from groundwork.models.assembly.detector_networks import LOSSES
from groundwork.models.interface import ModelFactory, ModelOutput
from groundwork.specs import RasterSpec, TargetSpec
from groundwork.targets.labels import IGNORE
from groundwork.targets.objects import ObjectBoxes
from groundwork.tasks.base import Task
from groundwork.tasks.object_losses import WeightedObjectLosses


class ObjectDetectionTask(Task):
    """Learns to find objects, by the losses that the detector has itself. It has none outside of training."""

    answers = ObjectBoxes
    measures_loss = False

    def __init__(
        self,
        factory: ModelFactory,
        model: ModelConfig,
        inputs: Mapping[str, RasterSpec],
        target: TargetSpec,
        training: TrainingConfig,
        statistics: Statistics,  # noqa: ARG002 - all tasks are given them
    ) -> None:
        """Build the model, and hold its detector against the losses and the labels.

        Raises:
            SpecError: For a model that is no detector, one that learns from outlines where there are none, and as
                :class:`Task`.
            ComponentError: As :class:`Task`.
        """
        super().__init__(factory, model, inputs, target, training)
        if not isinstance(self.model, DetectionModel):
            raise SpecError(
                f"The task 'object_detection' trains a detector, and the factory '{model.factory.name}' builds none. "
                "Set 'model.factory: object_detection'"
            )
        detector = self.model.detector
        if detector.has_masks and not (target.objects and target.objects.masks):
            raise SpecError(
                "'mask-rcnn' learns from the outline of each object. Where labels hold outlines, say so by "
                "'data.target.objects.masks: true'; where they are boxes, take 'framework: faster-rcnn'"
            )
        self._losses = WeightedObjectLosses(training.loss, detector.losses)

    @classmethod
    def check_losses(cls, losses: Sequence[LossTerm], target: TargetSpec) -> None:  # noqa: ARG003 - all targets have one
        """See :class:`Task`."""
        WeightedObjectLosses(losses, sorted({name for names in LOSSES.values() for name in names}))

    def ask(self, batch: Batch) -> ModelOutput:
        """Give objects, or in training the detector's losses. See :class:`Task`."""
        images = images_of(batch)
        if not self.training:
            given: ModelOutput = self.model(images)
            return given
        # A detector takes all ground without a box for background, so ground that nobody knows is not shown to it.
        known = batch["target"][:, 0] != IGNORE
        valid = {name: mask & (known if mask.dim() == 3 else known[:, None]) for name, mask in images.valid.items()}
        learnt: ModelOutput = self.model(replace(images, valid=valid), batch["objects"])
        return learnt

    def criterion(self, output: ModelOutput, batch: Batch) -> Tensor:  # noqa: ARG002 - the detector was given it
        """See :class:`Task`."""
        return self._losses.total(output.losses)

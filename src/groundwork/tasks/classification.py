"""One class for each image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor

from groundwork.batch import Batch
from groundwork.config.model import ModelConfig
from groundwork.config.training import LossTerm, TrainingConfig
from groundwork.data.statistics import Statistics
from groundwork.errors import ComponentError
from groundwork.models.interface import ModelFactory, ModelOutput
from groundwork.specs import RasterSpec, TargetSpec
from groundwork.targets.image_classes import ImageClasses
from groundwork.tasks.base import Task
from groundwork.tasks.losses import WeightedLosses


class ClassificationTask(Task):
    """Learns one class for each image. Scores come from one confusion matrix over all images of a split."""

    answers = ImageClasses

    def __init__(
        self,
        factory: ModelFactory,
        model: ModelConfig,
        inputs: Mapping[str, RasterSpec],
        target: TargetSpec,
        training: TrainingConfig,
        statistics: Statistics,
    ) -> None:
        """Build model and criterion. Raises as :class:`Task`."""
        super().__init__(factory, model, inputs, target, training)
        class_pixels = tuple(statistics.target.class_pixels[name] for name in target.names)
        self._losses = WeightedLosses(training.loss, class_pixels)

    @classmethod
    def check_losses(cls, losses: Sequence[LossTerm], target: TargetSpec) -> None:
        """See :class:`Task`."""
        wrong = [loss.name for loss in losses if loss.name == "dice"]
        if wrong:
            raise ComponentError("'dice' compares areas, and an image has one class: take 'cross_entropy'")
        WeightedLosses(losses, (1,) * target.num_outputs)

    def criterion(self, output: ModelOutput, batch: Batch) -> Tensor:
        """See :class:`Task`."""
        loss: Tensor = self._losses(output.output, batch["target"])
        return loss

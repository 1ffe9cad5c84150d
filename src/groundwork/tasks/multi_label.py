"""Several classes for each image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor

from groundwork.batch import Batch
from groundwork.config.model import ModelConfig
from groundwork.config.training import LossTerm, TrainingConfig
from groundwork.data.statistics import Statistics
from groundwork.models.interface import ModelFactory, ModelOutput
from groundwork.specs import RasterSpec, TargetSpec
from groundwork.targets.image_class_sets import ImageClassSets
from groundwork.tasks.base import Task
from groundwork.tasks.set_losses import ClassAnswers, WeightedSetLosses


class MultiLabelTask(Task):
    """Learns for each image which of the classes it is of; answers that nobody knows are left out."""

    answers = ImageClassSets

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
        found = statistics.target
        counts = [(found.class_pixels[name], found.known_pixels[name]) for name in target.names]
        self._losses = WeightedSetLosses(training.loss, tuple(ClassAnswers(yes, known - yes) for yes, known in counts))

    @classmethod
    def check_losses(cls, losses: Sequence[LossTerm], target: TargetSpec) -> None:
        """See :class:`Task`."""
        WeightedSetLosses(losses, (ClassAnswers(1, 1),) * target.num_outputs)

    def criterion(self, output: ModelOutput, batch: Batch) -> Tensor:
        """See :class:`Task`."""
        loss: Tensor = self._losses(output.output, batch["target"])
        return loss

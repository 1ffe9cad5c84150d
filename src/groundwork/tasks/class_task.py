"""What tasks of classes have in common."""

from __future__ import annotations

from abc import ABC
from collections.abc import Mapping, Sequence

from torch import Tensor

from groundwork.batch import Batch
from groundwork.config.model import ModelConfig
from groundwork.config.training import LossTerm, TrainingConfig
from groundwork.data.statistics import Statistics
from groundwork.models.interface import ModelFactory, ModelOutput
from groundwork.specs import RasterSpec, TargetSpec
from groundwork.tasks.base import Task
from groundwork.tasks.losses import WeightedLosses


class ClassTask(Task, ABC):
    """Learns one class of several; losses may weigh classes by how often they occur. A final one says of what."""

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
        WeightedLosses(losses, (1,) * target.num_outputs)

    def criterion(self, output: ModelOutput, batch: Batch) -> Tensor:
        """See :class:`Task`."""
        loss: Tensor = self._losses(output.output, batch["target"])
        return loss

"""What tasks of numbers have in common."""

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
from groundwork.tasks.number_losses import WeightedNumberLosses


class NumberTask(Task, ABC):
    """Learns numbers; errors count in deviations of each output. A final one says of what."""

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
        factory.require_deviations(model, target)
        super().__init__(factory, model, inputs, target, training)
        std = [statistics.target.numbers[name].std for name in target.names]
        self._losses = WeightedNumberLosses(training.loss, std, has_deviations=target.deviation)

    @classmethod
    def check_losses(cls, losses: Sequence[LossTerm], target: TargetSpec) -> None:
        """See :class:`Task`."""
        WeightedNumberLosses(losses, (1.0,) * target.num_outputs, has_deviations=target.deviation)

    def criterion(self, output: ModelOutput, batch: Batch) -> Tensor:
        """See :class:`Task`."""
        loss: Tensor = self._losses(output.output, batch["target"])
        return loss

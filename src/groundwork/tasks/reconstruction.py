"""An image from the parts of it that are shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from groundwork.batch import Batch
from groundwork.config.model import ModelConfig
from groundwork.config.training import LossTerm, TrainingConfig
from groundwork.data.statistics import Statistics
from groundwork.errors import ComponentError
from groundwork.models.interface import ModelFactory, ModelOutput
from groundwork.specs import RasterSpec, TargetSpec
from groundwork.targets.nothing import Nothing
from groundwork.tasks.base import Task


class ReconstructionTask(Task):
    """Learns to paint what is hidden of an image. No labels are needed, and the encoder can be used for other tasks.

    The model knows its own criterion: ``training.loss`` names what it gives, such as ``reconstruction``. What it hides
    of a chip follows from seed, epoch and the chip's name while it is trained, and from the name alone when it is
    judged.
    """

    answers = Nothing
    learns_from = "reconstruction"

    def __init__(
        self,
        factory: ModelFactory,
        model: ModelConfig,
        inputs: Mapping[str, RasterSpec],
        target: TargetSpec,
        training: TrainingConfig,
        statistics: Statistics,  # noqa: ARG002 - the interface of all tasks
    ) -> None:
        """Build the model. Raises as :class:`Task`."""
        super().__init__(factory, model, inputs, target, training)
        self._weights = {term.name: term.weight for term in training.loss}

    @classmethod
    def check_losses(cls, losses: Sequence[LossTerm], target: TargetSpec) -> None:  # noqa: ARG003
        """See :class:`Task`."""
        for loss in losses:
            if loss.options:
                raise ComponentError(f"The loss '{loss.name}' is the model's own and has no options: {loss.options}")

    def criterion(self, output: ModelOutput, batch: Batch) -> Tensor:  # noqa: ARG002
        """See :class:`Task`.

        Raises:
            ComponentError: Where ``training.loss`` names others than the model gives.
        """
        if self._weights.keys() != output.losses.keys():
            raise ComponentError(
                f"training.loss names {sorted(self._weights)}, and the model gives the losses {sorted(output.losses)}: "
                f"name each of them, such as [{{name: {next(iter(output.losses))}}}]"
            )
        return torch.stack([weight * output.losses[name].float() for name, weight in self._weights.items()]).sum()

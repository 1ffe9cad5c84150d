"""The features of an encoder as it is."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from groundwork.batch import Batch
from groundwork.config.training import LossTerm
from groundwork.errors import TrainingError
from groundwork.models.interface import ModelOutput
from groundwork.specs import TargetSpec
from groundwork.targets.nothing import Nothing
from groundwork.tasks.base import Task


class EmbeddingTask(Task):
    """Learns nothing: the encoder is kept with the weights that it was built with, and gives its features.

    What the training is told of epochs, losses and the optimiser means nothing to it. Labels may be there, by which
    embeddings are judged, or not.
    """

    answers = Nothing
    learns_from = "embedding"

    @classmethod
    def check_losses(cls, losses: Sequence[LossTerm], target: TargetSpec) -> None:
        """Take any: none of them is used."""

    def criterion(self, output: ModelOutput, batch: Batch) -> Tensor:  # noqa: ARG002
        """Refuse: there is nothing to learn by.

        Raises:
            TrainingError: Always.
        """
        raise TrainingError("Embeddings are the features of an encoder as it is: there is no loss to train it by.")

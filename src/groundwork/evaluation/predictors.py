"""Whatever gives scores for a batch: the model, and the baselines it must beat."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor

from groundwork.batch import Batch, images_of
from groundwork.bundle import Bundle
from groundwork.data.statistics import Statistics
from groundwork.models.engine import Engine, ModelScorer
from groundwork.targets.kind import TargetKind


class Predictor(ABC):
    """Gives scores for a batch."""

    @abstractmethod
    def predict(self, batch: Batch) -> Tensor:
        """Return raw scores (batch, outputs, ...), on the processor."""


class ModelPredictor(Predictor):
    """The trained model."""

    def __init__(self, bundle: Bundle) -> None:
        """Build the model.

        Raises:
            BundleError: Where the bundle was never trained.
        """
        bundle.require_trained()
        self._engine = Engine(ModelScorer(bundle.build_model()))

    def predict(self, batch: Batch) -> Tensor:
        """See :class:`Predictor`."""
        return self._engine.scores(images_of(batch), f"Samples {batch['sample_id']}").cpu()


class ConstantPredictor(Predictor):
    """What is best said of any pixel or image where nothing is known of it, such as the most frequent class."""

    def __init__(self, kind: TargetKind, statistics: Statistics) -> None:
        self._kind, self._statistics = kind, statistics.target

    def predict(self, batch: Batch) -> Tensor:
        """See :class:`Predictor`."""
        count, size = len(batch["sample_id"]), batch["target"].shape[-2:]
        scores = self._kind.constant_of(self._statistics, (size[0], size[1]))
        return scores.expand(count, *scores.shape)

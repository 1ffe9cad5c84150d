"""Whatever gives scores for a batch: the model, and the baselines it must beat."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor

from groundwork.batch import Batch, images_of
from groundwork.bundle import Bundle
from groundwork.config.inference import InferenceConfig
from groundwork.data.statistics import Statistics
from groundwork.models.asking import engine_of, ready_to_ask, scorer_of
from groundwork.targets.kind import TargetKind
from groundwork.targets.kinds import kind_of


class Predictor(ABC):
    """Gives scores for a batch."""

    @abstractmethod
    def predict(self, batch: Batch) -> Tensor:
        """Return raw scores (batch, outputs, ...), on the processor."""


class ModelPredictor(Predictor):
    """The trained model."""

    def __init__(self, bundle: Bundle, asked: InferenceConfig | None = None) -> None:
        """Build the model.

        Args:
            bundle: A trained one.
            asked: How it is asked, as scenes are predicted. None: once.

        Raises:
            BundleError: Where the bundle was never trained.
            SpecError: For a way of asking that it is not made for.
        """
        bundle.require_trained()
        kind, how = kind_of(bundle.config.target), asked or InferenceConfig()
        self._engine = engine_of(scorer_of(ready_to_ask(bundle.build_model(), how), kind, how), how)

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

"""Scores per class for a whole image."""

from __future__ import annotations

from torch import Tensor

from groundwork.models.heads.base import ScalarHead
from groundwork.models.heads.global_pool import GlobalPool, Pooling, build_layers
from groundwork.models.limits import Chance, Count
from groundwork.specs import FeatureLevel


class ClassificationHead(ScalarHead):
    """Gives one score per class for the whole image, for one class per image or several.

    Args:
        features: What the decoder gives.
        vector: Channels of the encoder's global vector. None: it gives none.
        num_outputs: Number of classes.
        pooling: The mean, maximum or minimum over the map, or the encoder's own ``vector``.
        channels: Length behind each hidden layer. Empty: the classifier is linear.
        dropout: Chance, 0 to 1, that a value before the last layer is set to zero while training.

    Raises:
        SpecError: Where the encoder's vector is asked for and it gives none.
    """

    def __init__(
        self,
        features: FeatureLevel,
        vector: int | None,
        num_outputs: int,
        *,
        pooling: Pooling = "mean",
        channels: tuple[Count, ...] = (),
        dropout: Chance = 0.0,
    ) -> None:
        super().__init__()
        self.pool = GlobalPool("classification", pooling, features, vector)
        self.layers = build_layers(self.pool.out_channels, channels, num_outputs, dropout)

    def forward(self, features: Tensor, vector: Tensor | None = None, share_valid: Tensor | None = None) -> Tensor:
        """Give scores. See :class:`ScalarHead`."""
        scores: Tensor = self.layers(self.pool(features, vector, share_valid))
        return scores

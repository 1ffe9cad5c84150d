"""Scores per class for a whole image."""

from __future__ import annotations

from torch import Tensor

from groundwork.models.heads.base import Decoded, Head
from groundwork.models.heads.global_pool import GlobalPool, LayersOn, Pooling, answer, build_layers, check_layers_on
from groundwork.models.limits import Chance, Count
from groundwork.specs import FeatureSpec


class ClassificationHead(Head):
    """Gives one score per class for the whole image, for one class per image or several.

    Args:
        features: What the decoder gives, and the encoder's global vector.
        num_outputs: Number of classes.
        pooling: The mean, maximum or minimum over the map, or the encoder's own ``vector``.
        channels: Length behind each hidden layer. Empty: the classifier is linear.
        layers_on: What the layers are applied to: the pooled ``vector``, or all ``cells`` of the map, whose answers
            are then pooled.
        dropout: Chance, 0 to 1, that a value before the last layer is set to zero while training.

    Raises:
        SpecError: Where the encoder's vector is asked for and it gives none.
        ComponentError: For layers on cells of a vector.
    """

    per = "image"

    def __init__(
        self,
        features: FeatureSpec,
        num_outputs: int,
        *,
        pooling: Pooling = "mean",
        channels: tuple[Count, ...] = (),
        layers_on: LayersOn = "vector",
        dropout: Chance = 0.0,
    ) -> None:
        super().__init__()
        check_layers_on("classification", layers_on, pooling)
        self.layers_on = layers_on
        self.pool = GlobalPool("classification", pooling, features)
        self.layers = build_layers(self.pool.out_channels, channels, num_outputs, dropout)

    def forward(self, decoded: Decoded) -> Tensor:
        """Give scores. See :class:`Head`."""
        scores: Tensor = answer(decoded, self.pool, self.layers, self.layers_on)
        return scores

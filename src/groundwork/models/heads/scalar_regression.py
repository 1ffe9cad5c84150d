"""Numbers for a whole image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from torch import Tensor, nn

from groundwork.models.features.output_scale import Starting
from groundwork.models.heads.base import Decoded, Head
from groundwork.models.heads.global_pool import GlobalPool, LayersOn, Pooling, answer, build_layers, check_layers_on
from groundwork.models.heads.ranges import Limit, OutputRanges, Range
from groundwork.models.limits import Chance, Count
from groundwork.specs import FeatureSpec


class ScalarRegressionHead(Head, Starting):
    """Gives one number per output for the whole image, within declared limits.

    Args:
        features: What the decoder gives, and the encoder's global vector.
        num_outputs: Number of outputs.
        pooling: The mean, maximum or minimum over the map, or the encoder's own ``vector``.
        channels: Length behind each hidden layer. Empty: the regression is linear.
        layers_on: What the layers are applied to: the pooled ``vector``, or all ``cells`` of the map, whose answers
            are then pooled.
        dropout: Chance, 0 to 1, that a value before the last layer is set to zero while training.
        ranges: Lowest and highest value of all outputs, or of each; see
            :class:`groundwork.models.heads.ranges.OutputRanges`. Empty: no limits.
        limit: How outputs are kept within their range. smooth: by softplus and sigmoid, through which gradients pass
            everywhere. cut: what is beyond becomes the limit, as a ReLU does at 0.

    Raises:
        SpecError: Where the encoder's vector is asked for and it gives none.
        ComponentError: For ranges that do not fit the outputs, and for layers on cells of a vector.
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
        ranges: tuple[Range, ...] = (),
        limit: Limit = "smooth",
    ) -> None:
        super().__init__()
        check_layers_on("scalar_regression", layers_on, pooling)
        self.layers_on = layers_on
        self.pool = GlobalPool("scalar_regression", pooling, features)
        self.layers = build_layers(self.pool.out_channels, channels, num_outputs, dropout)
        self.limit = OutputRanges("scalar_regression", ranges, num_outputs, limit)

    def forward(self, decoded: Decoded) -> Tensor:
        """Give the outputs. See :class:`Head`."""
        outputs: Tensor = self.limit(answer(decoded, self.pool, self.layers, self.layers_on))
        return outputs

    def start_at(self, mean: Sequence[float]) -> None:
        """See :class:`Starting`."""
        self.limit.start(cast("nn.Linear", self.layers[-1]).bias, mean)

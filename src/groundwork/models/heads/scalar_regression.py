"""Numbers for a whole image."""

from __future__ import annotations

from torch import Tensor

from groundwork.models.heads.base import Decoded, Head
from groundwork.models.heads.global_pool import GlobalPool, Pooling, build_layers
from groundwork.models.heads.ranges import OutputRanges, Range
from groundwork.models.limits import Chance, Count
from groundwork.specs import FeatureSpec


class ScalarRegressionHead(Head):
    """Gives one number per output for the whole image, within declared limits.

    Args:
        features: What the decoder gives, and the encoder's global vector.
        num_outputs: Number of outputs.
        pooling: The mean, maximum or minimum over the map, or the encoder's own ``vector``.
        channels: Length behind each hidden layer. Empty: the regression is linear.
        dropout: Chance, 0 to 1, that a value before the last layer is set to zero while training.
        ranges: Lowest and highest value of all outputs, or of each; see
            :class:`groundwork.models.heads.ranges.OutputRanges`. Empty: no limits.

    Raises:
        SpecError: Where the encoder's vector is asked for and it gives none.
        ComponentError: For ranges that do not fit the outputs.
    """

    per = "image"

    def __init__(
        self,
        features: FeatureSpec,
        num_outputs: int,
        *,
        pooling: Pooling = "mean",
        channels: tuple[Count, ...] = (),
        dropout: Chance = 0.0,
        ranges: tuple[Range, ...] = (),
    ) -> None:
        super().__init__()
        self.pool = GlobalPool("scalar_regression", pooling, features)
        self.layers = build_layers(self.pool.out_channels, channels, num_outputs, dropout)
        self.limit = OutputRanges("scalar_regression", ranges, num_outputs)

    def forward(self, decoded: Decoded) -> Tensor:
        """Give the outputs. See :class:`Head`."""
        outputs: Tensor = self.limit(self.layers(self.pool(decoded)))
        return outputs

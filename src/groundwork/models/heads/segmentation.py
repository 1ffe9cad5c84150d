"""Scores per pixel."""

from __future__ import annotations

from torch import Tensor, nn

from groundwork.models.features.convolution import ConvBlock
from groundwork.models.heads.base import Decoded, Head
from groundwork.models.limits import Chance, Count
from groundwork.specs import FeatureLevel, FeatureSpec


class SegmentationHead(Head):
    """Gives one score per class for every cell of the decoder's map.

    Args:
        features: What the decoder gives.
        num_outputs: Number of classes.
        dropout: Chance, 0 to 1, that a whole channel is set to zero while training.
        channels: Channels of each 3x3 convolution before the last, 1x1 one. Empty: none.
    """

    def __init__(
        self, features: FeatureSpec, num_outputs: int, *, dropout: Chance = 0.0, channels: tuple[Count, ...] = ()
    ) -> None:
        super().__init__()
        level = features.levels[0]
        widths = (level.channels, *channels)
        self.convs = nn.Sequential(*(ConvBlock(before, after) for before, after in zip(widths, channels, strict=False)))
        self.dropout = nn.Dropout2d(dropout)
        self.classify = nn.Conv2d(widths[-1], num_outputs, kernel_size=1)
        self.out = FeatureLevel(num_outputs, level.stride)

    def forward(self, decoded: Decoded) -> Tensor:
        """Give scores. See :class:`Head`."""
        scores: Tensor = self.classify(self.dropout(self.convs(decoded.map)))
        return scores

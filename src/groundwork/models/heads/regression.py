"""Numbers per pixel."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

from groundwork.errors import ComponentError
from groundwork.models.features.convolution import ConvBlock
from groundwork.models.features.output_scale import Starting
from groundwork.models.features.strides import as_stride
from groundwork.models.heads.base import Decoded, Head
from groundwork.models.heads.ranges import Limit, OutputRanges, Range
from groundwork.models.limits import Chance, Count
from groundwork.specs import FeatureLevel, FeatureSpec


class RegressionHead(Head, Starting):
    """Gives one number per output for every cell of the decoder's map, within declared limits.

    Args:
        features: What the decoder gives.
        num_outputs: Number of outputs.
        ranges: Lowest and highest value of all outputs, or of each; see
            :class:`groundwork.models.heads.ranges.OutputRanges`. Empty: no limits.
        limit: How outputs are kept within their range. smooth: by softplus and sigmoid, through which gradients pass
            everywhere. cut: what is beyond becomes the limit, as a ReLU does at 0.
        upscale_layers: How often the resolution is doubled by learned up-sampling before the outputs
            (https://arxiv.org/abs/1609.05158).
        channels: Channels of each 3x3 convolution before the last, 1x1 one. Empty: none.
        dropout: Chance, 0 to 1, that a whole channel is set to zero while training.

    Raises:
        ComponentError: For ranges that do not fit the outputs, and more doublings than the stride has halves.
    """

    def __init__(
        self,
        features: FeatureSpec,
        num_outputs: int,
        *,
        ranges: tuple[Range, ...] = (),
        limit: Limit = "smooth",
        upscale_layers: int = 0,
        channels: tuple[Count, ...] = (),
        dropout: Chance = 0.0,
    ) -> None:
        super().__init__()
        level = features.levels[0]
        most = int(level.stride).bit_length() - 1
        if not 0 <= upscale_layers <= most:
            raise ComponentError(
                f"'regression' can double the resolution of a map of stride {level.stride:g} 0 to {most} times, got "
                f"upscale_layers={upscale_layers}"
            )
        self.upscale = nn.Sequential(*(_build_doubling(level.channels) for _ in range(upscale_layers)))
        widths = (level.channels, *channels)
        self.convs = nn.Sequential(*(ConvBlock(before, after) for before, after in pairwise(widths)))
        self.dropout = nn.Dropout2d(dropout)
        self.regress = nn.Conv2d(widths[-1], num_outputs, kernel_size=1)
        self.limit = OutputRanges("regression", ranges, num_outputs, limit)
        self.out = FeatureLevel(num_outputs, as_stride(level.stride / (1 << upscale_layers)))

    def forward(self, decoded: Decoded) -> Tensor:
        """Give the outputs. See :class:`Head`."""
        outputs: Tensor = self.limit(self.regress(self.dropout(self.convs(self.upscale(decoded.map)))))
        return outputs

    def start_at(self, mean: Sequence[float]) -> None:
        """See :class:`Starting`."""
        if self.regress.bias is not None:
            self.limit.start(self.regress.bias, mean)


def _build_doubling(channels: int) -> nn.Module:
    conv = nn.Conv2d(channels, 4 * channels, kernel_size=3, padding=1)
    # The four pixels of a cell start alike (https://arxiv.org/abs/1707.02937), or the map starts as a chequerboard.
    for values in (conv.weight, conv.bias):
        if values is not None:
            values.data.copy_(values.data[::4].repeat_interleave(4, dim=0))
    return nn.Sequential(conv, nn.PixelShuffle(2), nn.ReLU())

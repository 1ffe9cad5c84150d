"""The convolution that necks, decoders and heads are made of."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional


class ConvBlock(nn.Module):
    """A convolution that keeps height and width, batch norm, ReLU."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int = 3) -> None:
        super().__init__()
        # Batch norm subtracts the mean, so a bias would change nothing.
        self.conv = nn.Conv2d(in_channels, out_channels, kernel_size, padding=kernel_size // 2, bias=False)
        self.norm = nn.BatchNorm2d(out_channels)
        self.activation = nn.ReLU(inplace=True)

    def forward(self, features: Tensor) -> Tensor:
        """Give a map (batch, out_channels, height, width) for one of (batch, in_channels, height, width)."""
        activated: Tensor = self.activation(self.norm(self.conv(features)))
        return activated


class ChannelNorm(nn.LayerNorm):
    """Layer norm over the channels of each cell (https://arxiv.org/abs/2201.03545): it knows no batch."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, eps=1e-6)

    def forward(self, features: Tensor) -> Tensor:
        """Give a map (batch, channels, height, width) of the same shape."""
        cells = functional.layer_norm(
            features.permute(0, 2, 3, 1), self.normalized_shape, self.weight, self.bias, self.eps
        )
        return cells.permute(0, 3, 1, 2)

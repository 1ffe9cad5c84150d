"""The context of the whole image, in a few cells."""

from __future__ import annotations

from typing import Literal, TypeAlias

import torch
from torch import Tensor, nn

#: What stands behind the convolution of pooled context: a group norm of one group, or a batch norm.
PoolNorm: TypeAlias = Literal["group", "batch"]


class AreaPool(nn.Module):
    """Averages a map to a grid of ``side`` by ``side`` cells.

    The same values as ``nn.AdaptiveAvgPool2d``, whose gradient on a GPU differs from one run to the next.
    """

    def __init__(self, side: int) -> None:
        super().__init__()
        self.side = side

    def forward(self, features: Tensor) -> Tensor:
        """Give a map (batch, channels, side, side) for one of any size."""
        for dim in (-2, -1):
            size = features.shape[dim]
            starts = [index * size // self.side for index in range(self.side)]
            # Where the size does not divide, neighbouring cells share a row or a column.
            stops = [-(-(index + 1) * size // self.side) for index in range(self.side)]
            cells = [
                features.narrow(dim, start, stop - start).mean(dim, keepdim=True)
                for start, stop in zip(starts, stops, strict=True)
            ]
            features = torch.cat(cells, dim)
        return features


def build_pool(in_channels: int, out_channels: int, side: int, norm: PoolNorm = "group") -> nn.Module:
    """Build what averages a map to ``side`` by ``side`` cells and gives them another number of channels."""
    return nn.Sequential(
        AreaPool(side),
        nn.Conv2d(in_channels, out_channels, kernel_size=1, bias=False),
        # A 1x1 map of a single image has one value per channel, whose variance a batch norm cannot train on.
        nn.GroupNorm(1, out_channels) if norm == "group" else nn.BatchNorm2d(out_channels),
        nn.ReLU(inplace=True),
    )

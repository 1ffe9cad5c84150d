"""One vector for a whole image."""

from __future__ import annotations

from itertools import pairwise
from typing import Literal, TypeAlias

from torch import Tensor, nn

from groundwork.models.features.pooling import pool_valid
from groundwork.specs import FeatureLevel, SpecError

#: The mean, maximum or minimum over the map, or the encoder's own global vector.
Pooling: TypeAlias = Literal["mean", "max", "min", "vector"]


class GlobalPool(nn.Module):
    """Gives one vector per image.

    Args:
        name: The head, as in YAML.
        pooling: What the vector is made of.
        features: What the decoder gives.
        vector: Channels of the encoder's global vector. None: it gives none.

    Raises:
        SpecError: Where the encoder's vector is asked for and it gives none.
    """

    def __init__(self, name: str, pooling: Pooling, features: FeatureLevel, vector: int | None) -> None:
        super().__init__()
        if pooling == "vector" and vector is None:
            raise SpecError(
                f"'{name}' is told to use the encoder's global vector, but this encoder gives none. "
                "Set the encoder's 'vector: true', where it has the option, or 'pooling' to mean, max or min"
            )
        self.pooling = pooling
        self.out_channels = vector if pooling == "vector" and vector is not None else features.channels

    def forward(self, features: Tensor, vector: Tensor | None, share_valid: Tensor | None = None) -> Tensor:
        """Give (batch, out_channels) for a map (batch, channels, height, width) and the encoder's vector.

        Args:
            features: The decoder's map.
            vector: The encoder's global vector.
            share_valid: How much of each cell is made of data. See :func:`groundwork.models.features.pooling.pool_valid`.
        """
        if self.pooling == "vector" and vector is not None:
            return vector
        return pool_valid(features, share_valid, "mean" if self.pooling == "vector" else self.pooling)


def build_layers(in_channels: int, channels: tuple[int, ...], num_outputs: int, dropout: float) -> nn.Sequential:
    """Build linear layers with ReLU between them, and dropout before the last.

    Args:
        in_channels: Length of the vector that comes in.
        channels: Length behind each layer before the last. Empty: there is only the last.
        num_outputs: Length behind the last layer.
        dropout: Chance, 0 to 1, that a value is set to zero while training.
    """
    layers: list[nn.Module] = []
    widths = (in_channels, *channels)
    for before, after in pairwise(widths):
        layers += [nn.Linear(before, after), nn.ReLU()]
    return nn.Sequential(*layers, nn.Dropout(dropout), nn.Linear(widths[-1], num_outputs))

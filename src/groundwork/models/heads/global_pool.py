"""One vector for a whole image."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Literal, TypeAlias

from torch import Tensor, nn

from groundwork.errors import ComponentError, SpecError
from groundwork.models.features.pooling import pool_valid
from groundwork.models.heads.base import Decoded
from groundwork.specs import FeatureSpec

#: The mean, maximum or minimum over the map, or the encoder's own global vector.
Pooling: TypeAlias = Literal["mean", "max", "min", "vector"]
#: What the layers behind are applied to: the pooled vector, or each cell, whose answers are then pooled.
LayersOn: TypeAlias = Literal["vector", "cells"]


class GlobalPool(nn.Module):
    """Gives one vector per image.

    Args:
        name: The head, as in YAML.
        pooling: What the vector is made of.
        features: What the decoder gives, and the encoder's global vector.

    Raises:
        SpecError: Where the encoder's vector is asked for and it gives none.
    """

    def __init__(self, name: str, pooling: Pooling, features: FeatureSpec) -> None:
        super().__init__()
        vector = features.vector
        if pooling == "vector" and vector is None:
            raise SpecError(
                f"'{name}' is told to use the encoder's global vector, but this encoder gives none. "
                "Set the encoder's 'vector: true', where it has the option, or 'pooling' to mean, max or min"
            )
        self.pooling = pooling
        self.out_channels = vector if pooling == "vector" and vector is not None else features.levels[0].channels

    def forward(self, decoded: Decoded) -> Tensor:
        """Give (batch, out_channels)."""
        if self.pooling == "vector" and decoded.vector is not None:
            return decoded.vector
        how = "mean" if self.pooling == "vector" else self.pooling
        return pool_valid(decoded.map, decoded.share_valid, how)


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


def answer(decoded: Decoded, pool: GlobalPool, layers: nn.Sequential, layers_on: LayersOn) -> Tensor:
    """Give (batch, outputs): layers on the pooled vector, or pooled answers of layers on each cell."""
    if layers_on == "vector":
        answered: Tensor = layers(pool(decoded))
        return answered
    by_cell: Tensor = layers(decoded.map.movedim(1, -1)).movedim(-1, 1)
    pooled: Tensor = pool(replace(decoded, map=by_cell))
    return pooled


def check_layers_on(name: str, layers_on: LayersOn, pooling: Pooling) -> None:
    """Refuse layers on cells where the encoder's vector is used, which is made of none.

    Raises:
        ComponentError: With what to change.
    """
    if layers_on == "cells" and pooling == "vector":
        raise ComponentError(f"'{name}' cannot apply layers to cells of a vector: leave out 'layers_on' or 'pooling'")

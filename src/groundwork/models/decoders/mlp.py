"""Each cell for itself."""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

from torch import Tensor, nn

from groundwork.errors import ComponentError
from groundwork.models.decoders.base import Decoder
from groundwork.models.decoders.one_level import pick_level
from groundwork.models.limits import Count
from groundwork.specs import FeatureLevel, FeatureSpec


class MLPDecoder(Decoder):
    """A multi-layer perceptron that is applied to each cell of one level; it keeps the level's stride.

    Args:
        features: What the encoder, or the last neck, gives.
        channels: Channels behind each layer, at least one layer.
        activation: What stands behind each layer.
        level: Which level to use; -1 is the coarsest.

    Raises:
        SpecError: For a level that does not exist, and for levels of several sources.
        ComponentError: For no layer.
    """

    def __init__(
        self,
        features: FeatureSpec,
        *,
        channels: tuple[Count, ...] = (256, 256),
        activation: Literal["relu", "gelu"] = "relu",
        level: int = -1,
    ) -> None:
        super().__init__()
        chosen = pick_level("mlp", features, level)
        if not channels:
            raise ComponentError("'mlp' needs at least one layer in 'channels'. To pass a level on, take 'identity'")
        self.level = level
        self.layers = nn.Sequential()
        for before, after in pairwise((chosen.channels, *channels)):
            self.layers.append(nn.Conv2d(before, after, kernel_size=1))
            self.layers.append(nn.ReLU() if activation == "relu" else nn.GELU())
        self.out = FeatureLevel(channels[-1], chosen.stride)

    def forward(self, features: list[Tensor]) -> Tensor:
        """Give one map. See :class:`Decoder`."""
        merged: Tensor = self.layers(features[self.level])
        return merged

"""Each cell for itself."""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn

from groundwork.errors import ComponentError, SpecError
from groundwork.models.decoders.base import Decoder
from groundwork.models.decoders.one_level import pick_level
from groundwork.models.limits import Count
from groundwork.specs import FeatureLevel, FeatureSpec


class MLPDecoder(Decoder):
    """A multi-layer perceptron that is applied to each cell of one level, or of all; it keeps their stride.

    Args:
        features: What the encoder, or the last neck, gives.
        channels: Channels behind each layer, at least one layer.
        activation: What stands behind each layer.
        level: Which level to use; -1 is the coarsest. all: the channels of all levels behind one another, which must
            have one stride.

    Raises:
        SpecError: For a level that does not exist, levels of several sources, and all levels of several strides.
        ComponentError: For no layer.
    """

    def __init__(
        self,
        features: FeatureSpec,
        *,
        channels: tuple[Count, ...] = (256, 256),
        activation: Literal["relu", "gelu"] = "relu",
        level: int | Literal["all"] = -1,
    ) -> None:
        super().__init__()
        chosen = _join("mlp", features) if level == "all" else pick_level("mlp", features, level)
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
        chosen = torch.cat(features, dim=1) if self.level == "all" else features[self.level]
        merged: Tensor = self.layers(chosen)
        return merged


def _join(name: str, features: FeatureSpec) -> FeatureLevel:
    """Return all levels as one, their channels behind one another."""
    first = pick_level(name, features, 0)
    if any(level.stride != first.stride for level in features.levels):
        raise SpecError(
            f"'{name}' reads all levels at once, which then need one stride, got {features}. Set 'level' to one of them"
        )
    return FeatureLevel(sum(level.channels for level in features.levels), first.stride)

"""One level as it is."""

from __future__ import annotations

from torch import Tensor

from groundwork.models.decoders.base import Decoder
from groundwork.models.decoders.one_level import pick_level
from groundwork.specs import FeatureLevel, FeatureSpec


class IdentityDecoder(Decoder):
    """Passes one level on to the head.

    Args:
        features: What the encoder, or the last neck, gives.
        level: Which level to pass on; -1 is the coarsest.

    Raises:
        SpecError: For a level that does not exist, and for levels of several sources.
    """

    def __init__(self, features: FeatureSpec, *, level: int = -1) -> None:
        super().__init__()
        chosen = pick_level("identity", features, level)
        self.level = level
        self.out = FeatureLevel(chosen.channels, chosen.stride)

    def forward(self, features: list[Tensor]) -> Tensor:
        """Give one map. See :class:`Decoder`."""
        return features[self.level]

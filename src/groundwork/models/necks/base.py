"""What every neck is: feature maps in, feature maps out."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn

from groundwork.specs import FeatureSpec


class Neck(nn.Module, ABC):
    """Reshapes feature maps between encoder and decoder. Constructors take ``(features: FeatureSpec, *, options)``."""

    #: What ``forward`` gives.
    out: FeatureSpec

    @abstractmethod
    def forward(self, features: list[Tensor]) -> list[Tensor]:
        """Give one map (batch, channels, height / stride, width / stride) per level of ``out``."""

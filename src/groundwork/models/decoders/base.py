"""What every decoder is: feature maps in, one feature map out."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn

from groundwork.specs import FeatureLevel


class Decoder(nn.Module, ABC):
    """Merges feature maps into one. Constructors take ``(features: FeatureSpec, *, options)``."""

    #: What ``forward`` gives.
    out: FeatureLevel

    @abstractmethod
    def forward(self, features: list[Tensor]) -> Tensor:
        """Give a map (batch, out.channels, height / out.stride, width / out.stride)."""

"""What every head is: one feature map in, scores out."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn

from groundwork.specs import FeatureLevel


class Head(nn.Module, ABC):
    """Turns a decoder's map into scores.

    Constructors take ``(features: FeatureLevel, num_outputs: int, *, options)``.
    """

    #: What ``forward`` gives.
    out: FeatureLevel

    @abstractmethod
    def forward(self, features: Tensor) -> Tensor:
        """Give scores (batch, out.channels, height / out.stride, width / out.stride)."""

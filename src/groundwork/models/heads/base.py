"""What every head is: one feature map in, scores out; for every cell, or for the whole image."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn

from groundwork.specs import FeatureLevel


class Head(nn.Module, ABC):
    """Turns a decoder's map into scores for every cell.

    Constructors take ``(features: FeatureLevel, num_outputs: int, *, options)``.
    """

    #: What ``forward`` gives.
    out: FeatureLevel

    @abstractmethod
    def forward(self, features: Tensor) -> Tensor:
        """Give scores (batch, out.channels, height / out.stride, width / out.stride)."""


class ScalarHead(nn.Module, ABC):
    """Turns a decoder's map, or the encoder's global vector, into scores for the whole image.

    Constructors take ``(features: FeatureLevel, vector: int | None, num_outputs: int, *, options)``, where ``vector``
    is the number of channels of the encoder's global vector. None: it gives none.
    """

    @abstractmethod
    def forward(self, features: Tensor, vector: Tensor | None = None, share_valid: Tensor | None = None) -> Tensor:
        """Give scores (batch, num_outputs).

        Args:
            features: The decoder's map, (batch, channels, height / stride, width / stride).
            vector: The encoder's global vector, (batch, vector), where it gives one.
            share_valid: How much of each cell of the map is made of data, 0 to 1, (batch, 1, height / stride,
                width / stride). None: all of it.
        """

"""What every head is: a decoder's map in, scores out; for every cell, or for the image as a whole."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from groundwork.specs import FeatureLevel


@dataclass(frozen=True, slots=True)
class Decoded:
    """What a head is given for a batch."""

    #: The decoder's map (batch, channels, height / stride, width / stride).
    map: Tensor
    #: The encoder's global vector (batch, channels), where it gives one.
    vector: Tensor | None = None
    #: How much of each cell of the map is made of data, 0 to 1, (batch, 1, height / stride, width / stride). None: all.
    share_valid: Tensor | None = None


torch.export.register_dataclass(Decoded, serialized_type_name="groundwork.Decoded")


class Head(nn.Module, ABC):
    """Turns a decoder's map, or the encoder's global vector, into scores.

    Constructors take ``(features: FeatureSpec, num_outputs: int, *, options)``: the one level that the decoder gives,
    and the channels of the encoder's vector where it gives one.
    """

    #: Whether each cell of the map has scores, or the image as a whole.
    per: ClassVar[Literal["pixel", "image"]] = "pixel"
    #: What ``forward`` gives. None: scores for the image as a whole.
    out: FeatureLevel | None = None

    @abstractmethod
    def forward(self, decoded: Decoded) -> Tensor:
        """Give (batch, out.channels, height / out.stride, width / out.stride), or (batch, num_outputs)."""

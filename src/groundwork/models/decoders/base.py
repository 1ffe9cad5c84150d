"""What every decoder is: feature maps in, one feature map out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

from torch import Tensor, nn

from groundwork.models.features.needs import Needs
from groundwork.specs import FeatureLevel


class Decoder(nn.Module, ABC):
    """Merges feature maps into one. Constructors take ``(features: FeatureSpec, *, options)``."""

    #: What ``forward`` gives.
    out: FeatureLevel

    @classmethod
    def needs(cls, options: Mapping[str, object]) -> Needs:  # noqa: ARG003
        """Return what features it takes, so that ``necks: auto`` can make them. By default any of one source.

        Args:
            options: Options of the constructor as in YAML, not checked yet; those left at their defaults are missing.
        """
        return Needs()

    @abstractmethod
    def forward(self, features: list[Tensor]) -> Tensor:
        """Give a map (batch, out.channels, height / out.stride, width / out.stride)."""

"""A decoder with its head."""

from __future__ import annotations

from torch import Tensor, nn

from groundwork.models.assembly.encoder_model import Features
from groundwork.models.decoders.base import Decoder
from groundwork.models.heads.base import Decoded, Head


class Branch(nn.Module):
    """A decoder with its head, trained beside the main one."""

    def __init__(self, decoder: Decoder, head: Head) -> None:
        super().__init__()
        self.decoder = decoder
        self.head = head

    def forward(self, features: Features) -> Tensor:
        """Give scores. See :func:`score`."""
        return score(self.decoder, self.head, features)


def score(decoder: Decoder, head: Head, features: Features) -> Tensor:
    """Return scores (batch, outputs, height, width) in the size of the images, or (batch, outputs)."""
    decoded = decoder(features.maps)
    if head.per == "pixel":
        return features.prepared.crop(head(Decoded(decoded, features.vector)))
    share = features.prepared.share_valid(decoder.out.stride)
    scores: Tensor = head(Decoded(decoded, features.vector, share))
    return scores

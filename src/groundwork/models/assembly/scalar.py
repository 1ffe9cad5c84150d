"""The assembly that gives scores for the image as a whole."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from groundwork.models.assembly.base import EncoderModel, Features, Trunk
from groundwork.models.decoders.base import Decoder
from groundwork.models.heads.base import ScalarHead
from groundwork.models.interface import Dates, Images, ModelOutput


class ScalarBranch(nn.Module):
    """A decoder with its head, trained beside the main one."""

    def __init__(self, decoder: Decoder, head: ScalarHead) -> None:
        super().__init__()
        self.decoder = decoder
        self.head = head

    def forward(self, features: Features) -> Tensor:
        """Give scores. See :class:`groundwork.models.heads.base.ScalarHead`."""
        return _score(self.decoder, self.head, features)


class ScalarOutputModel(EncoderModel):
    """Sends an image through encoder, necks, decoder and head; gives one set of scores per image.

    Args:
        trunk: Encoder and necks.
        decoder: From feature maps to one map.
        head: From one map, and the encoder's global vector where it gives one, to scores.
        auxiliary: Branches by name, on the same feature maps as the decoder.
    """

    def __init__(
        self,
        trunk: Trunk,
        decoder: Decoder,
        head: ScalarHead,
        auxiliary: Mapping[str, ScalarBranch] | None = None,
    ) -> None:
        super().__init__(trunk)
        self.decoder = decoder
        self.head = head
        self.auxiliary = nn.ModuleDict(dict(auxiliary or {}))

    def forward(
        self,
        image: Images,
        valid: Images | None = None,
        temporal_coords: Dates | None = None,
        location_coords: Tensor | None = None,
    ) -> ModelOutput:
        """Give scores (batch, outputs). See :class:`Model`."""
        features = self.extract(image, valid, temporal_coords, location_coords)
        branches = self.auxiliary.items() if self.training else ()
        return ModelOutput(
            output=_score(self.decoder, self.head, features),
            auxiliary={name: branch(features) for name, branch in branches},
        )


def _score(decoder: Decoder, head: ScalarHead, features: Features) -> Tensor:
    scores: Tensor = head(decoder(features.maps), features.vector, features.share_valid(decoder.out.stride))
    return scores

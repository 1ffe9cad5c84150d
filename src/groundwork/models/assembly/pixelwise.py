"""The assembly that gives scores for every pixel."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from groundwork.models.assembly.base import EncoderModel, Trunk
from groundwork.models.decoders.base import Decoder
from groundwork.models.features.padding import crop_center
from groundwork.models.features.resizing import resize_to
from groundwork.models.heads.base import Head
from groundwork.models.interface import Dates, Images, ModelOutput


class Branch(nn.Module):
    """A decoder with its head, trained beside the main one."""

    def __init__(self, decoder: Decoder, head: Head) -> None:
        super().__init__()
        self.decoder = decoder
        self.head = head

    def forward(self, features: list[Tensor]) -> Tensor:
        """Give scores. See :class:`groundwork.models.heads.base.Head`."""
        scores: Tensor = self.head(self.decoder(features))
        return scores


class PixelWiseModel(EncoderModel):
    """Sends an image through encoder, necks, decoder and head; gives scores per pixel.

    Args:
        trunk: Encoder and necks.
        decoder: From feature maps to one map.
        head: From one map to scores.
        auxiliary: Branches by name, on the same feature maps as the decoder.
    """

    def __init__(
        self, trunk: Trunk, decoder: Decoder, head: Head, auxiliary: Mapping[str, Branch] | None = None
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
        """Give scores in the size of the image. See :class:`Model`."""
        features = self.extract(image, valid, temporal_coords, location_coords)
        scores = self.head(self.decoder(features.maps))
        branches = self.auxiliary.items() if self.training else ()
        return ModelOutput(
            output=crop_center(resize_to(scores, features.padded), features.size),
            auxiliary={
                name: crop_center(resize_to(branch(features.maps), features.padded), features.size)
                for name, branch in branches
            },
        )

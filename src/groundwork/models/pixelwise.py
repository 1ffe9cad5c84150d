"""The assembly that gives scores for every pixel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import lcm

from torch import Tensor, nn

from groundwork.models.decoders.base import Decoder
from groundwork.models.encoders.base import Encoder
from groundwork.models.freezing import freeze, keep_frozen_in_eval
from groundwork.models.heads.base import Head
from groundwork.models.interface import Model, ModelOutput
from groundwork.models.necks.base import Neck
from groundwork.models.padding import crop_center, pad_symmetric
from groundwork.models.resizing import resize_to
from groundwork.models.standardise import Standardise


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


class PixelWiseModel(Model):
    """Standardises, pads, and sends an image through encoder, necks, decoder and head; gives scores per pixel.

    Takes raw raster values and images of any size from one pixel.

    Args:
        standardise: Statistics of the input channels.
        encoder: From image to feature maps.
        necks: Between encoder and decoder, in order.
        decoder: From feature maps to one map.
        head: From one map to scores.
        auxiliary: Branches by name, on the same feature maps as the decoder.
    """

    def __init__(
        self,
        standardise: Standardise,
        encoder: Encoder,
        necks: Sequence[Neck],
        decoder: Decoder,
        head: Head,
        auxiliary: Mapping[str, Branch] | None = None,
    ) -> None:
        super().__init__()
        self.standardise = standardise
        self.encoder = encoder
        self.coordinates = encoder.coordinates
        self.necks = nn.ModuleList(necks)
        self.decoder = decoder
        self.head = head
        self.auxiliary = nn.ModuleDict(dict(auxiliary or {}))
        specs = [encoder.out, *(neck.out for neck in necks)]
        #: Images are padded to a multiple of this, in pixels, so that every level divides them without a remainder.
        self.size_multiple = lcm(encoder.size_multiple, *(level.stride for spec in specs for level in spec.levels))

    def set_statistics(self, mean: Sequence[float], std: Sequence[float]) -> None:
        """Set what raw values are standardised by. See :class:`Model`."""
        self.standardise.set_statistics(mean, std)

    def freeze_encoder(self) -> None:
        """Keep the encoder as it is. See :class:`Model`."""
        freeze(self.encoder)

    def freeze_decoder(self) -> None:
        """Keep necks, decoders and heads as they are, the auxiliary ones too. See :class:`Model`."""
        for part in (self.necks, self.decoder, self.head, self.auxiliary):
            freeze(part)

    def train(self, mode: bool = True) -> PixelWiseModel:
        """Switch to training or evaluation; frozen parts stay in evaluation."""
        super().train(mode)
        keep_frozen_in_eval(self.encoder, self.necks, self.decoder, self.head, self.auxiliary)
        return self

    def forward(
        self,
        image: Tensor,
        valid: Tensor | None = None,
        temporal_coords: Tensor | None = None,
        location_coords: Tensor | None = None,
    ) -> ModelOutput:
        """Give scores in the size of the image. See :class:`Model`."""
        size = (image.shape[-2], image.shape[-1])
        padded = pad_symmetric(self.standardise(image, valid), self.size_multiple)
        features = self.encoder(padded, temporal_coords, location_coords)
        for neck in self.necks:
            features = neck(features)
        scores = self.head(self.decoder(features))
        branches = self.auxiliary.items() if self.training else ()
        return ModelOutput(
            output=crop_center(resize_to(scores, padded.shape[-2:]), size),
            auxiliary={
                name: crop_center(resize_to(branch(features), padded.shape[-2:]), size) for name, branch in branches
            },
        )

"""Prithvi's masked autoencoder as a model: it learns to paint what it was not shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from groundwork.models.assembly.foreign.model import only_source
from groundwork.models.assembly.standardise import Standardise, in_precision_of
from groundwork.models.encoders.prithvi.mae import PrithviMAE
from groundwork.models.encoders.prithvi.variants import Coordinate, VariantName
from groundwork.models.encoders.wrappers.sources import dates_of
from groundwork.models.features.padding import crop_center, pad_symmetric, pad_with_nothing
from groundwork.models.freezing import freeze, keep_frozen_in_eval
from groundwork.models.interface import Dates, Images, Model, ModelOutput
from groundwork.models.weights.file import Weights
from groundwork.models.weights.reading import LoadReport
from groundwork.specs import RasterSpec, TargetSpec


class PrithviReconstruction(Model):
    """Removes patches of an image and paints them; needs no labels.

    ``output`` is the painted image (batch, channels, steps, height, width) in standardised values, cut to the size of
    the image; ``auxiliary["mask"]`` (batch, steps, height, width) is 1 where the network saw nothing;
    ``losses["reconstruction"]`` compares the removed patches, as far as they hold data: not what padding added.

    Args:
        inputs: The one source.
        target: Is not used: the image itself is the target.
        variant: Which of the published networks.
        pretrained: Start from the published weights, which are downloaded.
        weights: A local file in a published layout to start from, in place of the hub's. One that is not the
            published file and does not say its bands comes as a mapping of ``file`` and ``bands``.
        mask_ratio: Share of the patches that is removed, between 0 and 1.
        norm_pix_loss: Compare each patch after it is brought to mean 0 and deviation 1.
        coordinates: What each sample's position code is enriched with; both must then come with the samples.

    Raises:
        ComponentError, SpecError, WeightsError: As of :class:`PrithviMAE`.
    """

    def __init__(
        self,
        inputs: Mapping[str, RasterSpec],
        target: TargetSpec,  # noqa: ARG002 - the interface of all whole models
        *,
        variant: VariantName = "prithvi_eo_v2_tiny_tl",
        pretrained: bool = False,
        weights: Weights | None = None,
        mask_ratio: float = 0.75,
        norm_pix_loss: bool = False,
        coordinates: tuple[Coordinate, ...] = (),
    ) -> None:
        super().__init__()
        raster = only_source(inputs, "full_model")
        self._source = next(iter(inputs))
        self.standardise = Standardise(raster.num_channels)
        self.network = PrithviMAE(
            raster,
            variant=variant,
            pretrained=pretrained,
            weights=weights,
            mask_ratio=mask_ratio,
            norm_pix_loss=norm_pix_loss,
            coordinates=coordinates,
        )
        self.coordinates = self.network.coordinates
        self.size_multiple = self.network.size_multiple

    def pretraining(self) -> list[LoadReport]:
        """Return what became of the published weights. See :class:`Model`."""
        return [] if self.network.loaded is None else [self.network.loaded]

    def set_statistics(self, mean: Sequence[float], std: Sequence[float], source: str | None = None) -> None:  # noqa: ARG002
        """Set what raw values are standardised by. See :class:`Model`."""
        self.standardise.set_statistics(mean, std)

    def freeze_encoder(self) -> None:
        """Keep the encoder as it is. See :class:`Model`."""
        freeze(self.network.encoder)

    def freeze_decoder(self) -> None:
        """Keep the decoder as it is. See :class:`Model`."""
        freeze(self.network.decoder)

    def train(self, mode: bool = True) -> PrithviReconstruction:
        """Switch to training or evaluation; frozen parts stay in evaluation."""
        super().train(mode)
        keep_frozen_in_eval(self.network)
        return self

    def forward(
        self,
        image: Images,
        valid: Images | None = None,
        temporal_coords: Dates | None = None,
        location_coords: Tensor | None = None,
    ) -> ModelOutput:
        """Paint what is not shown. See :class:`Model`."""
        if not isinstance(image, Tensor) or isinstance(valid, dict):
            raise ValueError("The model sees one source; give its image as one tensor")  # noqa: TRY004
        padded = pad_symmetric(in_precision_of(self.network, self.standardise(image, valid)), self.size_multiple)
        dates = dates_of(temporal_coords, self._source)
        size, grown = (image.shape[-2], image.shape[-1]), (padded.shape[-2], padded.shape[-1])
        if valid is None and size != grown:
            valid = torch.ones(len(image), *size, dtype=torch.bool, device=image.device)
        known = None if valid is None else pad_with_nothing(valid, grown)
        given = self.network(padded, dates, location_coords, valid=known)
        return ModelOutput(
            output=crop_center(given.reconstruction, size),
            auxiliary={"mask": crop_center(given.mask, size)},
            losses={"reconstruction": given.loss},
        )

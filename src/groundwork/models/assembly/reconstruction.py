"""Prithvi's masked autoencoder as a model: it learns to paint what it was not shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor, nn

from groundwork.batch import Image
from groundwork.models.assembly.raster_model import Prepared
from groundwork.models.assembly.reconstruction_model import ReconstructionModel
from groundwork.models.encoders.prithvi.mae import PrithviMAE
from groundwork.models.encoders.prithvi.variants import VariantName
from groundwork.models.features.padding import crop_center, pad_with_nothing
from groundwork.models.features.sizes import Sizes
from groundwork.models.interface import ENCODER, ModelOutput, Stage, parameters_of
from groundwork.models.weights.file import Weights
from groundwork.models.weights.info import Coordinate
from groundwork.models.weights.reading import LoadReport
from groundwork.specs import RasterSpec, TargetSpec


class PrithviReconstruction(ReconstructionModel):
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
        network = PrithviMAE(
            inputs,
            variant=variant,
            pretrained=pretrained,
            weights=weights,
            mask_ratio=mask_ratio,
            norm_pix_loss=norm_pix_loss,
            coordinates=coordinates,
        )
        super().__init__(inputs, Sizes(network.size_multiple), "prithvi_mae")
        self.network = network
        self.coordinates = network.coordinates

    def parts(self) -> dict[str, dict[str, nn.Parameter]]:
        """Return encoder and decoder. See :class:`groundwork.models.interface.Model`."""
        return {name: parameters_of(self, f"network.{name}") for name in (ENCODER, "decoder")}

    def stages(self) -> list[Stage]:
        """Return the stages that images pass. See :class:`groundwork.models.interface.Model`."""
        return [*super().stages(), Stage("network", self.network)]

    def pretraining(self) -> list[LoadReport]:
        """Return what became of the published weights. See :class:`groundwork.models.interface.Model`."""
        return [] if self.network.loaded is None else [self.network.loaded]

    def run(self, prepared: Prepared) -> ModelOutput:
        """Paint what is not shown. See :class:`groundwork.models.assembly.raster_model.RasterModel`."""
        image = self._image(prepared)
        seeds = prepared.images.seeds
        given = self.network(image, None if seeds is None else self.network.noise_of(image.values, seeds))
        return ModelOutput(
            output=crop_center(given.reconstruction, prepared.size),
            auxiliary={"mask": crop_center(given.mask, prepared.size)},
            losses={"reconstruction": given.loss},
        )

    def paint_unseen(self, prepared: Prepared) -> Tensor:
        """Paint the image round by round. See :class:`ReconstructionModel`."""
        image = self._image(prepared)
        seeds = prepared.images.seeds
        if seeds is None:
            seeds = torch.zeros(len(image.values), dtype=torch.int64)
        order = self.network.noise_of(image.values, seeds).argsort(dim=1).argsort(dim=1)
        num_hidden = self.network.num_hidden(order.shape[1])
        painted, times = torch.zeros(()), torch.zeros(())
        for first in range(0, order.shape[1], num_hidden):
            given = self.network(image, ((order - first) % order.shape[1]).to(torch.float32))
            mask = given.mask.unsqueeze(1)
            painted, times = painted.to(mask) + given.reconstruction * mask, times.to(mask) + mask
        return crop_center(painted / times, prepared.size)

    def encoder_weights(self) -> dict[str, Tensor]:
        """Return the encoder by the names of `prithvi_vit`, whose position codes are computed."""
        weights = self.network.encoder.state_dict()
        return {name: value for name, value in weights.items() if not name.endswith("pos_embed")}

    def _image(self, prepared: Prepared) -> Image:
        image = prepared.images.of(self.source)
        valid = prepared.valid.get(self.source)
        if valid is None and prepared.size != prepared.padded:
            valid = torch.ones(len(image.values), *prepared.size, dtype=torch.bool, device=image.values.device)
        return replace(image, valid=None if valid is None else pad_with_nothing(valid, prepared.padded))

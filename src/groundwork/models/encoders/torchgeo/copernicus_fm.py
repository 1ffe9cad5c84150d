"""Copernicus-FM, whose first layer is computed from wavelengths and bandwidths."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from timm.layers import resample_abs_pos_embed
from torch import Tensor
from torchgeo.models import CopernicusFM, CopernicusFM_Base_Weights
from torchgeo.models.scale_mae import get_2d_sincos_pos_embed_with_resolution

from groundwork.batch import Image
from groundwork.models.encoders.one_source import OneSourceEncoder
from groundwork.models.encoders.parts.calendar import days_since_1970
from groundwork.models.encoders.parts.coordinates import require_dates, require_location
from groundwork.models.encoders.parts.dates import drop_time, require_one_date
from groundwork.models.encoders.parts.full_precision import in_full_precision
from groundwork.models.encoders.parts.tokens import (
    add_class_token,
    as_buffer,
    block_indices,
    dropped_blocks,
    grid_levels,
    run_blocks,
)
from groundwork.models.encoders.parts.wavelengths import require_bandwidths, require_wavelengths
from groundwork.models.encoders.torchgeo.insides import require_insides
from groundwork.models.weights.info import Coordinate, EncoderInfo
from groundwork.models.weights.published import load_published
from groundwork.specs import RasterSpec

_PATCH = 16
#: Blocks of the only size that is published, as TorchGeo's ``copernicusfm_base`` builds it.
_DEPTH = 12
_IMAGE = 224
#: What Copernicus-FM was trained with in place of the wavelength and bandwidth of Sentinel-1, in nanometres.
_RADAR_NM, _RADAR_WIDTH_NM = 5e7, 1e9
#: Parts of the published file that the encoder has no use for; the first is for grids without a wavelength.
_UNUSED = ("patch_embed_variable.", "mask_token", "norm.", "fc_norm.", "head.")


class CopernicusFMEncoder(OneSourceEncoder):
    """Copernicus-FM (https://arxiv.org/abs/2503.11849) of TorchGeo: any bands, by wavelength and bandwidth.

    Where the rasters state ``pixel_size_m``, the network is told how much ground a patch covers.

    Args:
        inputs: What the rasters hold: one date; each band with its wavelength, but for radar (VV, VH, HH, HV).
        bandwidths_nm: Of each band that is read, in nanometres. None: those of Sentinel-1 and Sentinel-2, by name.
        coordinates: What the network is told of each image.
        pretrained: Start from the published weights.
        weights: A file of them, instead of a download.
        out_indices: Blocks whose maps are passed on, in order; -1 is the last. None: all.

    Raises:
        SpecError: For several dates, or a band without a wavelength or bandwidth.
        ComponentError: For blocks that do not exist.
        WeightsError: For weights that cannot be had, or are of another network.
    """

    single_precision = True

    def __init__(
        self,
        inputs: Mapping[str, RasterSpec],
        *,
        bandwidths_nm: tuple[float, ...] | None = None,
        coordinates: tuple[Coordinate, ...] = (),
        pretrained: bool = False,
        weights: str | None = None,
        out_indices: tuple[int, ...] | None = None,
    ) -> None:
        super().__init__(inputs)
        raster = self.raster
        require_one_date("copernicus_fm", raster)
        self._wavelengths = require_wavelengths("copernicus_fm", raster, _RADAR_NM)
        self._bandwidths = require_bandwidths("copernicus_fm", raster, bandwidths_nm, _RADAR_WIDTH_NM)
        side = raster.pixel_size_m
        self._patch_area = (_PATCH * side / 1000) ** 2 if side is not None else None
        self.coordinates = frozenset(coordinates)
        self.out_indices = block_indices(out_indices, _DEPTH)
        network = _build_network(self.out_indices[-1] + 1)
        # These stand for what is not known; what is known would leave them without a gradient.
        network.coord_token.requires_grad_("location" not in self.coordinates)
        network.time_token.requires_grad_("time" not in self.coordinates)
        network.scale_token.requires_grad_(self._patch_area is None)
        self.network = network
        self.out = grid_levels(self.out_indices, network.pos_embed.shape[-1], _PATCH)
        self.size_multiple = _PATCH
        published = CopernicusFM_Base_Weights.CopernicusFM_ViT
        info = EncoderInfo(
            image_size=_IMAGE,
            patch_size=_PATCH,
            weights=published.url,
            licence="CC-BY-4.0",
            citation=published.meta["publication"],
        )
        unused = (*_UNUSED, *dropped_blocks(self.out_indices, _DEPTH))
        self.publish(info, load_published(network, published, pretrained, weights, unused=unused))

    def encode(self, image: Image) -> list[Tensor]:
        """Give one map per block. See :class:`Encoder`.

        Raises:
            ValueError: Where the coordinates that the encoder was built for are missing.
        """
        values = drop_time(image.values)
        grid = (values.shape[-2] // _PATCH, values.shape[-1] // _PATCH)
        with in_full_precision(values.device):
            spectrum = torch.tensor([self._wavelengths, self._bandwidths], device=values.device)
            tokens = self.network.patch_embed_spectral(values.float(), spectrum[0], spectrum[1])
            code = self._code_coordinates(image)
        positions = resample_abs_pos_embed(self.network.pos_embed, list(grid)) + code
        tokens = add_class_token(tokens, self.network.cls_token, positions)
        return run_blocks(tokens, self.network.blocks, self.out_indices, grid)

    def _code_coordinates(self, image: Image) -> Tensor:
        """Return the code (1 or batch, 1, channels) of place, date and area."""
        network = self.network
        channels = network.pos_embed.shape[-1]
        place, date, area = network.coord_token, network.time_token, network.scale_token
        if "location" in self.coordinates:
            latitude, longitude = require_location("copernicus_fm", image).float().unbind(-1)
            place = network.get_coord_pos_embed(longitude, latitude, channels)
        if "time" in self.coordinates:
            dates = require_dates("copernicus_fm", image, 1)
            date = network.get_time_pos_embed(days_since_1970(dates.float()[:, 0]), channels)
        if self._patch_area is not None:
            area = network.get_area_pos_embed(torch.tensor([self._patch_area], device=image.values.device), channels)
        code: Tensor = network.coord_fc(place) + network.time_fc(date) + network.scale_fc(area)
        return code


def _build_network(depth: int) -> CopernicusFM:
    network = CopernicusFM(_IMAGE, _PATCH, embed_dim=768, depth=depth, num_heads=12, global_pool=False)
    tokens = ("coord_token", "time_token", "scale_token", "cls_token")
    require_insides(network, "norm", "patch_embed_variable", "patch_embed_spectral", "pos_embed", "blocks", *tokens)
    # The norm belongs to the class token, which is not passed on; the other to grids without a wavelength.
    del network.norm, network.patch_embed_variable
    embed = network.patch_embed_spectral
    expansions = (embed.spectrum_central_expansion, embed.spectrum_bandwidth_expansion)
    for expansion in (*expansions, network.coord_expansion, network.scale_expansion):
        # The check looks at values, which an exported or compiled network must not.
        expansion.assert_range = False
    table = get_2d_sincos_pos_embed_with_resolution(
        network.pos_embed.shape[-1], _IMAGE // _PATCH, torch.ones(1), cls_token=True
    )
    network.pos_embed.data.copy_(table)
    as_buffer(network, "pos_embed")
    return network

"""Panopticon, which attends over bands of any sensor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
from timm.layers import resample_abs_pos_embed
from torch import Tensor, nn
from torchgeo.models import Panopticon_Weights, panopticon_vitb14
from torchgeo.models.panopticon import get_1d_sincos_pos_embed_from_grid_torch

from groundwork.batch import Image
from groundwork.models.encoders.one_source import OneSourceEncoder
from groundwork.models.encoders.parts.dates import drop_time, require_one_date
from groundwork.models.encoders.parts.tokens import (
    add_class_token,
    block_indices,
    dropped_blocks,
    grid_levels,
    keep_blocks,
    run_blocks,
)
from groundwork.models.encoders.parts.wavelengths import RADAR_BANDS, require_wavelengths
from groundwork.models.encoders.torchgeo.insides import require_insides
from groundwork.models.weights.info import EncoderInfo
from groundwork.models.weights.published import load_published
from groundwork.specs import RasterSpec

_PATCH = 14
#: Where the network looks at bands.
_BANDS = ("patch_embed.conv3d.conv3d", *(f"patch_embed.chnfus.{name}" for name in ("chnemb", "query", "xattn")))
#: Side of the images whose position codes are published.
_CODES_SIZE = 518
#: Transmitted and received wave of each polarisation: 0 is vertical, 1 horizontal.
_WAVES = {"VV": (0, 0), "VH": (0, 1), "HH": (1, 1), "HV": (1, 0)}


class PanopticonEncoder(OneSourceEncoder):
    """Panopticon (https://arxiv.org/abs/2503.10845) of TorchGeo: any bands, each known by wavelength or polarisation.

    Args:
        inputs: What the rasters hold: one date; each band with its wavelength, or named VV, VH, HH or HV.
        orbit: Of radar images.
        pretrained: Start from the published weights.
        weights: A file of them, instead of a download.
        out_indices: Blocks whose maps are passed on, in order; -1 is the last. None: all.

    Raises:
        SpecError: For several dates, or a band without a wavelength.
        ComponentError: For blocks that do not exist.
        WeightsError: For weights that cannot be had, or are of another network.
    """

    single_precision = True

    def __init__(
        self,
        inputs: Mapping[str, RasterSpec],
        *,
        orbit: Literal["unknown", "ascending", "descending"] = "unknown",
        pretrained: bool = False,
        weights: str | None = None,
        out_indices: tuple[int, ...] | None = None,
    ) -> None:
        super().__init__(inputs)
        raster = self.raster
        require_one_date("panopticon", raster)
        self._wavelengths = require_wavelengths("panopticon", raster, radar=0.0)
        self._polarisations = tuple(band.name if band.name in RADAR_BANDS else None for band in raster.used)
        self._orbit = {"unknown": slice(None), "ascending": slice(0, 1), "descending": slice(1, 2)}[orbit]
        network = panopticon_vitb14(img_size=_CODES_SIZE).model
        require_insides(
            network, "patch_embed.conv3d.conv3d", "patch_embed.proj", *_BANDS, "pos_embed", "cls_token", "norm"
        )
        depth = len(network.blocks)
        self.out_indices = block_indices(out_indices, depth)
        network.blocks = keep_blocks(network.blocks, self.out_indices)
        is_whole = self.out_indices[-1] == depth - 1
        if not is_whole:
            network.norm = nn.Identity()
        names = network.patch_embed.chnfus.chnemb
        if not any(self._polarisations):
            # A parameter that no band uses would wait for gradients that never come.
            names.requires_grad_(False)
        self.network = network
        self.out = grid_levels(self.out_indices, network.embed_dim, _PATCH)
        self.size_multiple = _PATCH
        published = Panopticon_Weights.VIT_BASE14
        info = EncoderInfo(
            image_size=224, patch_size=_PATCH, weights=published.url, citation=published.meta["publication"]
        )
        unused = ("mask_token", *dropped_blocks(self.out_indices, depth), *(() if is_whole else ("norm.",)))
        self.publish(info, load_published(network, published, pretrained, weights, unused=unused))

    def encode(self, image: Image) -> list[Tensor]:
        """Give one map per block. See :class:`Encoder`."""
        patches = self.network.patch_embed.conv3d.conv3d(drop_time(image.values).unsqueeze(1))
        grid = (patches.shape[-2], patches.shape[-1])
        tokens = self._fuse_bands(patches)
        positions = resample_abs_pos_embed(self.network.pos_embed, list(grid))
        tokens = add_class_token(tokens, self.network.cls_token, positions)
        return run_blocks(tokens, self.network.blocks, self.out_indices, grid, self.network.norm)

    def _fuse_bands(self, patches: Tensor) -> Tensor:
        """Return tokens (batch, cells, channels) for (batch, channels, bands, rows, columns)."""
        embed = self.network.patch_embed
        named = patches.flatten(3).permute(0, 3, 2, 1) + self._band_codes(patches.device)
        batch, cells, bands, channels = named.shape
        of_cells = named.reshape(batch * cells, bands, channels)
        query = embed.chnfus.query.expand(batch * cells, -1, -1)
        tokens: Tensor = embed.proj(embed.chnfus.xattn(query, of_cells, of_cells).reshape(batch, cells, channels))
        return tokens

    def _band_codes(self, device: torch.device) -> Tensor:
        """Return (bands, channels): the network's own codes, without the choices by value that cannot be exported."""
        names = self.network.patch_embed.chnfus.chnemb
        wavelengths = torch.tensor(self._wavelengths, device=device)
        colours = get_1d_sincos_pos_embed_from_grid_torch(names.embed_dim, wavelengths)
        orbit = names.embed_orbit[self._orbit].mean(0)
        codes = []
        for index, polarisation in enumerate(self._polarisations):
            if polarisation is None:
                codes.append(colours[index])
            else:
                sent, received = _WAVES[polarisation]
                codes.append(torch.cat([names.embed_transmit[sent], names.embed_receive[received], orbit]))
        return torch.stack(codes)

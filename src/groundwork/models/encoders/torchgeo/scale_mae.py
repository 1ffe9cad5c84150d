"""Scale-MAE, whose position codes are distances on the ground."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Literal

import torch
from torch import Tensor, nn
from torchgeo.models import ScaleMAE, ScaleMAELarge16_Weights
from torchgeo.models.scale_mae import get_2d_sincos_pos_embed_from_grid_torch

from groundwork.batch import Image
from groundwork.errors import SpecError
from groundwork.models.encoders.one_source import OneSourceEncoder
from groundwork.models.encoders.parts.dates import drop_time, require_one_date
from groundwork.models.encoders.parts.tokens import (
    add_class_token,
    block_indices,
    dropped_blocks,
    grid_levels,
    run_blocks,
)
from groundwork.models.encoders.torchgeo.info import read_info
from groundwork.models.encoders.torchgeo.insides import require_insides
from groundwork.models.weights.file import Weights
from groundwork.models.weights.published import FirstLayer, load_published
from groundwork.specs import RasterSpec

_PATCH = 16
_UNUSED = ("pos_embed", "head.", "fc_norm.", "mask_token", "decoder_")


@dataclass(frozen=True, slots=True)
class _Size:
    embed_dim: int
    depth: int
    num_heads: int


_SIZES = {"small": _Size(384, 12, 6), "base": _Size(768, 12, 12), "large": _Size(1024, 24, 16)}


class ScaleMAEEncoder(OneSourceEncoder):
    """Scale-MAE (https://arxiv.org/abs/2212.14532) of TorchGeo: knows how much ground a patch covers.

    Args:
        inputs: What the rasters hold: one date, with ``pixel_size_m``.
        variant: The size. Weights are published for ``large``, under CC-BY-NC-4.0.
        pretrained: Start from the published weights; the bands RED, GREEN and BLUE keep theirs.
        weights: A file of them, instead of a download. One that is not the published file and does not say its bands
            comes as a mapping of ``file`` and ``bands``.
        out_indices: Blocks whose maps are passed on, in order; -1 is the last. None: all.

    Raises:
        SpecError: For several dates, or a pixel size that is not stated.
        ComponentError: For blocks that do not exist, or weights that are not published.
        WeightsError: For weights that cannot be had, or are of another network.
    """

    def __init__(
        self,
        inputs: Mapping[str, RasterSpec],
        *,
        variant: Literal["small", "base", "large"] = "large",
        pretrained: bool = False,
        weights: Weights | None = None,
        out_indices: tuple[int, ...] | None = None,
    ) -> None:
        super().__init__(inputs)
        raster = self.raster
        require_one_date("scale_mae", raster)
        if raster.pixel_size_m is None:
            raise SpecError(
                "'scale_mae' must know how much ground a pixel covers. Write 'pixel_size_m' in data.sources, "
                "for example pixel_size_m: 10"
            )
        self._pixel_size = raster.pixel_size_m
        size = _SIZES[variant]
        self.out_indices = block_indices(out_indices, size.depth)
        is_whole = self.out_indices[-1] == size.depth - 1
        self.network = _build_network(size, raster.num_channels, self.out_indices[-1] + 1, is_whole)
        self.out = grid_levels(self.out_indices, size.embed_dim, _PATCH)
        self.size_multiple = _PATCH
        published = ScaleMAELarge16_Weights.FMOW_RGB
        info = read_info(published, patch_size=_PATCH, licence="CC-BY-NC-4.0")
        unused = (*_UNUSED, *dropped_blocks(self.out_indices, size.depth), *(() if is_whole else ("norm.",)))
        wanted = tuple(band.name for band in raster.used)
        first = FirstLayer("patch_embed.proj.weight", info.bands, wanted, must_tell=True)
        known = published if variant == "large" else None
        self.publish(info, load_published(self.network, known, pretrained, weights, unused=unused, first=[first]))

    def encode(self, image: Image) -> list[Tensor]:
        """Give one map per block. See :class:`Encoder`."""
        patches = self.network.patch_embed.proj(drop_time(image.values))
        grid = (patches.shape[-2], patches.shape[-1])
        positions = self._position_codes(grid, patches.device)
        tokens = add_class_token(patches.flatten(2).transpose(1, 2), self.network.cls_token, positions)
        return run_blocks(tokens, self.network.blocks, self.out_indices, grid, self.network.norm)

    def _position_codes(self, grid: tuple[int, int], device: torch.device) -> Tensor:
        rows, columns = (torch.arange(size, device=device, dtype=torch.float32) for size in grid)
        places = torch.stack([columns.expand(grid), rows.unsqueeze(1).expand(grid)])
        codes = get_2d_sincos_pos_embed_from_grid_torch(self.network.embed_dim, places * self._pixel_size)
        return torch.cat([codes.new_zeros(1, codes.shape[1]), codes]).unsqueeze(0)


def _build_network(size: _Size, num_channels: int, depth: int, normed: bool) -> ScaleMAE:
    network = ScaleMAE(
        patch_size=_PATCH,
        in_chans=num_channels,
        num_classes=0,
        global_pool="",
        embed_dim=size.embed_dim,
        depth=depth,
        num_heads=size.num_heads,
        norm_layer=partial(nn.LayerNorm, eps=1e-6),
    )
    require_insides(network, "patch_embed.proj", "pos_embed", "cls_token", "blocks", "norm")
    # The codes are computed for each size of image instead.
    network.pos_embed = None
    if not normed:
        network.norm = nn.Identity()
    return network

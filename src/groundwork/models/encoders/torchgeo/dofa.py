"""DOFA, whose first layer is computed from the wavelengths of the bands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
from timm.layers import resample_abs_pos_embed
from torch import Tensor
from torchgeo.models import (
    DOFABase16_Weights,
    DOFALarge16_Weights,
    dofa_base_patch16_224,
    dofa_huge_patch14_224,
    dofa_large_patch16_224,
    dofa_small_patch16_224,
)
from torchgeo.models.scale_mae import get_2d_sincos_pos_embed_with_resolution

from groundwork.batch import Image
from groundwork.models.encoders.one_source import OneSourceEncoder
from groundwork.models.encoders.parts.dates import drop_time, require_one_date
from groundwork.models.encoders.parts.full_precision import in_full_precision
from groundwork.models.encoders.parts.tokens import (
    add_class_token,
    as_buffer,
    block_indices,
    dropped_blocks,
    grid_levels,
    keep_blocks,
    run_blocks,
)
from groundwork.models.encoders.parts.wavelengths import require_wavelengths
from groundwork.models.encoders.torchgeo.insides import require_insides
from groundwork.models.weights.info import EncoderInfo
from groundwork.models.weights.published import load_published
from groundwork.specs import RasterSpec

_BUILDERS = {
    "small": dofa_small_patch16_224,
    "base": dofa_base_patch16_224,
    "large": dofa_large_patch16_224,
    "huge": dofa_huge_patch14_224,
}
_PUBLISHED = {"base": DOFABase16_Weights.DOFA_MAE, "large": DOFALarge16_Weights.DOFA_MAE}
#: DOFA was trained with 5.405 in place of a wavelength in micrometres for Sentinel-1, whose frequency is 5.405 GHz.
_RADAR_NM = 5405.0
#: Parts of the original files that the encoder has no use for.
_HEADS = ("mask_token", "norm.", "fc_norm.", "head.", "projector.")


class DOFAEncoder(OneSourceEncoder):
    """DOFA (https://arxiv.org/abs/2403.15356) of TorchGeo: any bands, each known by its wavelength.

    Args:
        inputs: What the rasters hold: one date; each band with its wavelength, but for radar (VV, VH, HH, HV).
        variant: The size. Weights are published for ``base`` and ``large``.
        pretrained: Start from the published weights.
        weights: A file of them, instead of a download.
        out_indices: Blocks whose maps are passed on, in order; -1 is the last. None: all.

    Raises:
        SpecError: For several dates, or a band without a wavelength.
        ComponentError: For blocks that do not exist, or weights that are not published.
        WeightsError: For weights that cannot be had, or are of another network.
    """

    single_precision = True

    def __init__(
        self,
        inputs: Mapping[str, RasterSpec],
        *,
        variant: Literal["small", "base", "large", "huge"] = "base",
        pretrained: bool = False,
        weights: str | None = None,
        out_indices: tuple[int, ...] | None = None,
    ) -> None:
        super().__init__(inputs)
        raster = self.raster
        require_one_date("dofa", raster)
        self._wavelengths = tuple(nm / 1000 for nm in require_wavelengths("dofa", raster, _RADAR_NM))
        network = _BUILDERS[variant](num_classes=0, global_pool=False)
        require_insides(
            network, "norm", "patch_embed", "pos_embed", "cls_token", "blocks", "depth", "img_size", "patch_size"
        )
        # It belongs to the class token, which is not passed on; published weights have none.
        del network.norm
        table = get_2d_sincos_pos_embed_with_resolution(
            network.embed_dim, network.img_size // network.patch_size, torch.ones(1), cls_token=True
        )
        network.pos_embed.data.copy_(table)
        as_buffer(network, "pos_embed")
        self.out_indices = block_indices(out_indices, network.depth)
        network.blocks = keep_blocks(network.blocks, self.out_indices)
        self.network = network
        self.out = grid_levels(self.out_indices, network.embed_dim, network.patch_size)
        self.size_multiple = network.patch_size
        published = _PUBLISHED.get(variant)
        info = EncoderInfo(
            image_size=network.img_size,
            patch_size=network.patch_size,
            weights=published.url if published else None,
            citation="https://arxiv.org/abs/2403.15356",
        )
        unused = (*_HEADS, *dropped_blocks(self.out_indices, network.depth))
        self.publish(info, load_published(network, published, pretrained, weights, unused=unused))

    def encode(self, image: Image) -> list[Tensor]:
        """Give one map per block. See :class:`Encoder`."""
        values = drop_time(image.values)
        patch = self.network.patch_size
        grid = (values.shape[-2] // patch, values.shape[-1] // patch)
        with in_full_precision(values.device):
            wavelengths = torch.tensor(self._wavelengths, device=values.device)
            tokens, _ = self.network.patch_embed(values.float(), wavelengths)
        positions = resample_abs_pos_embed(self.network.pos_embed, list(grid))
        tokens = add_class_token(tokens, self.network.cls_token, positions)
        return run_blocks(tokens, self.network.blocks, self.out_indices, grid)

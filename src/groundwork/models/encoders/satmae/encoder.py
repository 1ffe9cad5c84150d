"""SatMAE, a vision transformer for natural colours, or for the bands of Sentinel-2 in groups."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import torch
from timm.layers import PatchEmbed, resample_abs_pos_embed
from timm.models.vision_transformer import Block
from torch import Tensor, nn
from torch.nn import functional
from torchgeo.models.scale_mae import get_2d_sincos_pos_embed_with_resolution

from groundwork.batch import Image
from groundwork.errors import SpecError
from groundwork.models.encoders.one_source import OneSourceEncoder
from groundwork.models.encoders.parts.dates import drop_time, require_one_date
from groundwork.models.encoders.parts.position_codes import sincos_code
from groundwork.models.encoders.parts.tokens import block_indices, dropped_blocks, grid_levels, run_blocks
from groundwork.models.encoders.parts.transformer import initialise_linear
from groundwork.models.encoders.satmae.variants import VARIANTS, SatMAEVariant, VariantName, describe
from groundwork.models.limits import Rate
from groundwork.models.weights.of_bundle import refuse_bundle
from groundwork.models.weights.published import FirstLayer, set_published
from groundwork.models.weights.reading import LoadReport, fetch_address, read_weights, require_pretrained
from groundwork.specs import RasterSpec
from groundwork.strict import did_you_mean

#: How names begin of what the published files hold beside the encoder.
_OTHERS = ("decoder_", "mask_token")


class SatMAEEncoder(OneSourceEncoder):
    """SatMAE (https://arxiv.org/abs/2207.08051): a ViT, with a token for each patch and group of bands.

    Bands are known by name; those of a group share a token, and groups of which the rasters hold nothing are left out.
    A cell of the maps is the mean of its tokens.

    Args:
        inputs: What the rasters hold, one date.
        variant: The network.
        drop_path: Rate of stochastic depth of the last block while training, growing from 0 at the first.
        out_indices: Blocks whose maps are passed on, in order; -1 is the last, which is normalised. None: all.
        pretrained: Start from the published weights.
        weights: A file in the published layout, instead of a download.

    Raises:
        SpecError: For several dates, or bands that the network never saw.
        ComponentError: For blocks that do not exist.
        WeightsError: For weights that cannot be had, or are of another network.
    """

    pos_embed: Tensor
    channel_embed: Tensor

    def __init__(
        self,
        inputs: Mapping[str, RasterSpec],
        *,
        variant: VariantName = "satmae_base_sentinel2",
        drop_path: Rate = 0.0,
        out_indices: tuple[int, ...] | None = None,
        pretrained: bool = False,
        weights: str | None = None,
    ) -> None:
        super().__init__(inputs)
        raster = self.raster
        require_one_date("satmae", raster)
        sizes = VARIANTS[variant]
        #: Number of a group -> the channels that it sees.
        self._channels = _find_channels(variant, raster)
        self.patch_size = sizes.patch_size
        self.size_multiple = sizes.patch_size
        self.out_indices = block_indices(out_indices, sizes.depth)
        self.out = grid_levels(self.out_indices, sizes.embed_dim, sizes.patch_size)

        self._has_groups = len(sizes.groups) > 1
        self._build(sizes, drop_path)
        require_pretrained(pretrained, weights)
        self.publish(describe(variant), self._load(weights, variant) if pretrained else None)

    def _build(self, sizes: SatMAEVariant, drop_path: float) -> None:
        dim = sizes.embed_dim
        embeddings = {
            str(group): PatchEmbed(None, sizes.patch_size, len(channels), dim)
            for group, channels in self._channels.items()
        }
        self.patch_embed = nn.ModuleDict(embeddings) if self._has_groups else embeddings["0"]
        grid = sizes.image_size // sizes.patch_size
        table = get_2d_sincos_pos_embed_with_resolution(dim - sizes.group_dim, grid, torch.ones(1), cls_token=True)
        self.register_buffer("pos_embed", table)
        if self._has_groups:
            codes = sincos_code(torch.arange(len(sizes.groups), dtype=torch.float32), sizes.group_dim)
            self.register_buffer("channel_embed", codes.unsqueeze(0))
        self.cls_token = nn.Parameter(torch.zeros(1, 1, dim))
        # Blocks behind the last that is passed on would compute for nobody.
        rates = torch.linspace(0, drop_path, sizes.depth, device="cpu").tolist()[: self.out_indices[-1] + 1]
        norm = partial(nn.LayerNorm, eps=1e-6)
        self.blocks = nn.ModuleList(
            Block(dim, sizes.num_heads, qkv_bias=True, norm_layer=norm, drop_path=rate) for rate in rates
        )
        self.norm = norm(dim) if len(rates) == sizes.depth else None
        self.apply(initialise_linear)
        nn.init.normal_(self.cls_token, std=0.02)

    def _load(self, weights: str | None, variant: str) -> LoadReport:
        sizes = VARIANTS[variant]
        file = fetch_address(sizes.weights) if weights is None else Path(weights)
        names = [band.name for band in self.raster.used]
        first = []
        for group, channels in self._channels.items():
            place = f"patch_embed.{group}" if self._has_groups else "patch_embed"
            first.append(
                FirstLayer(f"{place}.proj.weight", sizes.groups[group], tuple(names[index] for index in channels))
            )
        left_out = tuple(f"patch_embed.{group}." for group in range(len(sizes.groups)) if group not in self._channels)
        unused = (*_OTHERS, *left_out, "norm.", *dropped_blocks(self.out_indices, sizes.depth))
        content, source = read_weights(file), weights or sizes.weights
        refuse_bundle(content, source, "satmae")
        return set_published(self, content, source, unused, first)

    def encode(self, image: Image) -> list[Tensor]:
        """Give one map per block. See :class:`Encoder`."""
        values = drop_time(image.values)
        grid = (values.shape[-2] // self.patch_size, values.shape[-1] // self.patch_size)
        positions = resample_abs_pos_embed(self.pos_embed, list(grid))
        parts = [self._embed(values, group, positions[:, 1:]) for group in self._channels]
        first = self.cls_token + functional.pad(positions[:, :1], (0, parts[0].shape[-1] - positions.shape[-1]))
        tokens = torch.cat([first.expand(values.shape[0], -1, -1), *parts], dim=1)
        # The groups' tokens lie below one another, as those of one tall image would.
        num_groups = len(self._channels)
        tall = run_blocks(tokens, self.blocks, self.out_indices, (num_groups * grid[0], grid[1]), self.norm)
        return [level.reshape(*level.shape[:2], num_groups, *grid).mean(dim=2) for level in tall]

    def _embed(self, image: Tensor, group: int, positions: Tensor) -> Tensor:
        """Return tokens (batch, rows * columns, channels) of one group of bands."""
        chosen = image[:, self._channels[group]]
        if not self._has_groups:
            plain: Tensor = self.patch_embed(chosen) + positions
            return plain
        which = self.channel_embed[:, group : group + 1].expand(-1, positions.shape[1], -1)
        tokens: Tensor = self.patch_embed[str(group)](chosen) + torch.cat([positions, which], dim=-1)
        return tokens


def _find_channels(variant: str, inputs: RasterSpec) -> dict[int, list[int]]:
    """Return the channels of each group that the rasters hold something of."""
    groups = VARIANTS[variant].groups
    known = [band for group in groups for band in group]
    names = [band.name for band in inputs.used]
    unknown = [name for name in names if name not in known]
    if unknown:
        others = [other for other, sizes in VARIANTS.items() if {*names} <= {b for g in sizes.groups for b in g}]
        mend = f"take a variant that did: {others}" if others else "leave them out of 'use' in data.sources"
        raise SpecError(
            f"'{variant}' never saw the bands {unknown}.{did_you_mean(unknown[0], known)} It saw {known}; {mend}"
        )
    channels = {number: [names.index(band) for band in group if band in names] for number, group in enumerate(groups)}
    return {number: seen for number, seen in channels.items() if seen}

"""The vision transformer of Prithvi-EO, trained on Harmonized Landsat and Sentinel-2 time series."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from groundwork.batch import Image
from groundwork.errors import ComponentError, SpecError
from groundwork.models.encoders.one_source import OneSourceEncoder
from groundwork.models.encoders.parts.coordinates import require_dates, require_location
from groundwork.models.encoders.parts.position_codes import CoordinateCode, fit_position_table, position_table
from groundwork.models.encoders.parts.tokens import block_indices, dropped_blocks, to_stacked_map
from groundwork.models.encoders.parts.transformer import TransformerBlock, initialise_linear
from groundwork.models.encoders.prithvi.options import PromptTuning
from groundwork.models.encoders.prithvi.variants import (
    HLS_BANDS,
    VARIANTS,
    PrithviVariant,
    VariantName,
    check_coordinates,
    describe,
)
from groundwork.models.encoders.prithvi.weights import load_prithvi
from groundwork.models.freezing import freeze, mark_fresh
from groundwork.models.limits import Count, Rate
from groundwork.models.weights.file import Weights
from groundwork.models.weights.hub import WeightsSource, find_weights
from groundwork.models.weights.info import Coordinate
from groundwork.models.weights.reading import LoadReport
from groundwork.specs import FeatureLevel, FeatureSpec, RasterSpec


@dataclass(frozen=True, slots=True)
class PatchTokens:
    """An image as tokens, before the first block."""

    #: The class token of each sample, (batch, 1, embed_dim).
    cls: Tensor
    #: Time step by time step, row by row, (batch, steps * rows * columns, embed_dim).
    patches: Tensor
    #: Time steps, rows and columns.
    grid: tuple[int, int, int]


class PrithviViT(OneSourceEncoder):
    """The encoder of Prithvi-EO (https://arxiv.org/abs/2412.02732), for any image size and number of time steps.

    Gives one map per block, all of one stride; the time steps of a map lie behind one another in its channels.
    Parameters are named as in the published checkpoints.

    Args:
        inputs: What the rasters hold; its time steps are the network's frames. Published weights are matched by the
            names of the bands.
        variant: Which of the published networks.
        pretrained: Start from the published weights, which are downloaded.
        weights: A local file in a published layout to start from, in place of the hub's. One that is not the
            published file and does not say its bands comes as a mapping of ``file`` and ``bands``.
        coordinates: What each sample's position code is enriched with; both must then come with the samples.
        image_size: Side of the images that the position codes were trained for, in pixels. Codes for other sizes
            are interpolated.
        out_indices: Blocks whose maps are passed on, from first to last. None: all. Blocks behind the last of them
            are left out.
        drop_path: Rate of stochastic depth of all blocks while training, below 1 (https://arxiv.org/abs/1603.09382).
        vector: Give the class token behind the last block as a global vector.
        gradient_checkpointing: Compute blocks once more for their gradients, which takes a third more time and far less
            memory.
        patch_size: Side of a patch, in pixels. None: the variant's. With another one, the first layer of published
            weights is fresh.
        tubelet_size: Time steps that one token covers; must divide those of the rasters.
        prompts: Learned tokens in each block. None: no visual prompt tuning.

    Raises:
        ComponentError: For an image size that is not a multiple of the patch, blocks that do not exist, dates with
            tokens that cover several of them, or options that contradict each other.
        SpecError: For time steps that the tokens cannot share evenly.
        WeightsError: For weights that cannot be read or belong to another network.
    """

    pos_embed: Tensor

    def __init__(
        self,
        inputs: Mapping[str, RasterSpec],
        *,
        variant: VariantName = "prithvi_eo_v2_tiny_tl",
        pretrained: bool = False,
        weights: Weights | None = None,
        coordinates: tuple[Coordinate, ...] = (),
        image_size: int = 224,
        out_indices: tuple[int, ...] | None = None,
        drop_path: Rate = 0.0,
        vector: bool = False,
        gradient_checkpointing: bool = False,
        patch_size: Count | None = None,
        tubelet_size: Count = 1,
        prompts: PromptTuning | None = None,
    ) -> None:
        super().__init__(inputs)
        _check_drop_path(drop_path, prompts)
        sizes = VARIANTS[variant]
        self.patch_size = (tubelet_size, *(patch_size or sizes.patch_size,) * 2)
        self.trained_grid = _check_grid(self.raster.steps, image_size, self.patch_size, coordinates)
        check_coordinates(variant, coordinates, pretrained)
        source = find_weights(variant, pretrained, weights, sizes.weights)
        self.coordinates = frozenset(coordinates)
        self.size_multiple = self.patch_size[1]
        self.out_indices = block_indices(out_indices, sizes.depth)
        steps = self.trained_grid[0]
        level = FeatureLevel(sizes.embed_dim * steps, self.patch_size[1], steps=steps)
        self.gives_vector = vector
        self.out = FeatureSpec((level,) * len(self.out_indices), sizes.embed_dim if vector else None)
        self.checkpointing = gradient_checkpointing

        self._build(self.raster.num_channels, sizes, drop_path)
        self.prompts = prompts
        if prompts is not None:
            self._add_prompts(prompts, sizes)
        self.publish(describe(variant), None if source is None else self._load(source, sizes.depth))
        if prompts is not None and prompts.freeze:
            freeze(self)

    def _load(self, source: WeightsSource, depth: int) -> LoadReport:
        wanted = [band.name for band in self.raster.used]
        unused = (*dropped_blocks(self.out_indices, depth), "norm.")
        return load_prithvi(self, source, {"encoder": ""}, HLS_BANDS, wanted, unused)

    def _build(self, num_channels: int, sizes: PrithviVariant, drop_path: float) -> None:
        dim = sizes.embed_dim
        self.cls_token = nn.Parameter(torch.zeros(1, 1, dim))
        table = position_table(self.trained_grid, dim)
        self.register_buffer("pos_embed", table.to(torch.get_default_device()))
        self.patch_embed = PatchEmbedding(num_channels, dim, self.patch_size)
        if "time" in self.coordinates:
            self.temporal_embed_enc = CoordinateCode(dim, sizes.learned_scale)
        if "location" in self.coordinates:
            self.location_embed_enc = CoordinateCode(dim, sizes.learned_scale)
        # Blocks behind the last that is passed on would compute for nobody.
        num_blocks = self.out_indices[-1] + 1
        self.blocks = nn.ModuleList(
            TransformerBlock(dim, sizes.num_heads, sizes.mlp_ratio, drop_path) for _ in range(num_blocks)
        )
        self.norm = nn.LayerNorm(dim) if num_blocks == sizes.depth else nn.Identity()
        self.apply(initialise_linear)
        nn.init.normal_(self.cls_token, std=0.02)
        nn.init.xavier_uniform_(self.patch_embed.proj.weight.flatten(1))

    def _add_prompts(self, prompts: PromptTuning, sizes: PrithviVariant) -> None:
        shape = (1, prompts.tokens, sizes.embed_dim)
        self.vpt_prompt_embeddings = nn.ParameterList(nn.Parameter(torch.empty(shape)) for _ in self.blocks)
        bound = sqrt(6 / (3 * self.patch_size[1] * self.patch_size[2] + sizes.embed_dim))
        for prompt in self.vpt_prompt_embeddings:
            nn.init.uniform_(prompt, -bound, bound)
        names = [name for name, _ in self.vpt_prompt_embeddings.named_parameters()]
        mark_fresh(self.vpt_prompt_embeddings, names, by_design=True)
        self.prompt_dropout = nn.Dropout(prompts.dropout)

    def encode(self, image: Image) -> list[Tensor]:
        """Give one map (batch, embed_dim * steps, height / patch, width / patch) per block. See :class:`Encoder`.

        Raises:
            ValueError: Where the coordinates that the encoder was built for are missing.
        """
        embedded = self.embed(image)
        tokens = torch.cat([embedded.cls, embedded.patches], dim=1)
        given = []
        for index in range(len(self.blocks)):
            tokens = self.run_block(index, tokens)
            if index in self.out_indices:
                given.append(self.norm(tokens) if index == len(self.blocks) - 1 else tokens)
        maps = [to_stacked_map(output, embedded.grid) for output in given]
        return [*maps, given[-1][:, 0]] if self.gives_vector else maps

    def embed(self, image: Image) -> PatchTokens:
        """Turn an image into tokens that know where, and if asked for when, they are.

        Raises:
            ValueError: Where the coordinates that the encoder was built for are missing, or of other time steps.
        """
        patches = self.patch_embed(image.values if image.values.dim() == 5 else image.values.unsqueeze(2))
        grid = (patches.shape[2], patches.shape[3], patches.shape[4])
        positions = fit_position_table(self.pos_embed, self.trained_grid, grid)
        tokens = patches.flatten(2).transpose(1, 2) + positions[:, 1:]
        if "time" in self.coordinates:
            dates = require_dates("prithvi_vit", image, grid[0])
            codes = self.temporal_embed_enc(dates).to(tokens.dtype)
            # Expanded, as ONNX repeats by no number that is open.
            tokens = tokens + codes.unsqueeze(2).expand(-1, -1, grid[1] * grid[2], -1).flatten(1, 2)
        if "location" in self.coordinates:
            codes = self.location_embed_enc(require_location("prithvi_vit", image))
            tokens = tokens + codes.to(tokens.dtype).unsqueeze(1)
        cls = (self.cls_token + positions[:, :1]).expand(tokens.shape[0], -1, -1)
        return PatchTokens(cls, tokens, grid)

    def run_block(self, index: int, tokens: Tensor) -> Tensor:
        """Send tokens (batch, tokens, embed_dim), the class token first, through one block; the shape stays."""
        if self.prompts is not None:
            prompts = self.prompt_dropout(self.vpt_prompt_embeddings[index].expand(tokens.shape[0], -1, -1))
            tokens = torch.cat([tokens[:, :1], prompts, tokens[:, 1:]], dim=1)
        if self.checkpointing and self.training:
            tokens = checkpoint(self.blocks[index], tokens, use_reentrant=False)
        else:
            tokens = self.blocks[index](tokens)
        if self.prompts is not None:
            tokens = torch.cat([tokens[:, :1], tokens[:, 1 + self.prompts.tokens :]], dim=1)
        return tokens


class PatchEmbedding(nn.Module):
    """Turns each patch of one or several time steps into a vector.

    Args:
        num_channels: Bands of one time step.
        embed_dim: Length of a vector.
        patch_size: Time steps, rows and columns of a patch.
    """

    def __init__(self, num_channels: int, embed_dim: int, patch_size: tuple[int, int, int]) -> None:
        super().__init__()
        self.proj = nn.Conv3d(num_channels, embed_dim, kernel_size=patch_size, stride=patch_size)

    def forward(self, image: Tensor) -> Tensor:
        """Give (batch, embed_dim, steps, rows, columns) for (batch, channels, steps, height, width)."""
        vectors: Tensor = self.proj(image)
        return vectors


def _check_grid(
    steps: int, image_size: int, patch_size: tuple[int, int, int], coordinates: tuple[Coordinate, ...]
) -> tuple[int, int, int]:
    """Return time steps, rows and columns of the tokens of an image."""
    tubelet, patch, _ = patch_size
    if image_size < 1 or image_size % patch:
        raise ComponentError(f"'image_size' must be a multiple of {patch}, got {image_size}")
    if steps % tubelet:
        raise SpecError(f"'tubelet_size' {tubelet} must divide the {steps} time steps of the rasters")
    if tubelet > 1 and "time" in coordinates:
        raise ComponentError(
            f"A token of 'tubelet_size' {tubelet} covers several dates: take 'time' out of 'coordinates', or leave "
            "'tubelet_size' at 1"
        )
    return steps // tubelet, image_size // patch, image_size // patch


def _check_drop_path(drop_path: float, prompts: PromptTuning | None) -> None:
    if drop_path and prompts is not None and prompts.freeze:
        raise ComponentError(
            "'drop_path' has no effect on blocks that stay as they are, as 'prompts' keeps them: leave it out, or set "
            "'freeze: false' in 'prompts'"
        )

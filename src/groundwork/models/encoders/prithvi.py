"""The vision transformer of Prithvi-EO, trained on Harmonized Landsat and Sentinel-2 time series."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from groundwork.models.encoders.base import Encoder
from groundwork.models.encoders.position_codes import CoordinateCode, fit_position_table, position_table
from groundwork.models.encoders.transformer import TransformerBlock, initialise_linear
from groundwork.registry import ComponentError
from groundwork.specs import FeatureLevel, FeatureSpec, RasterSpec


@dataclass(frozen=True, slots=True)
class PrithviVariant:
    """The sizes of one published network."""

    embed_dim: int
    depth: int
    num_heads: int
    #: Side of a patch, in pixels.
    patch_size: int
    #: Whether the factor before the codes of time and location is trained.
    learned_scale: bool
    mlp_ratio: float = 4.0


#: The published networks by name (https://huggingface.co/ibm-nasa-geospatial).
VARIANTS: dict[str, PrithviVariant] = {
    "prithvi_eo_v2_tiny_tl": PrithviVariant(embed_dim=192, depth=12, num_heads=3, patch_size=16, learned_scale=True),
}


class PrithviViT(Encoder):
    """The encoder of Prithvi-EO (https://arxiv.org/abs/2412.02732), for any image size and number of time steps.

    Gives one map per block, all of one stride; the time steps of a map lie behind one another in its channels.
    Parameters are named as in the published checkpoints.

    Args:
        inputs: What the rasters hold; its time steps are the network's frames.
        variant: Which of the published networks.
        coordinates: What each sample's position code is enriched with; both must then come with the samples.
        drop_path: Rate of stochastic depth while training, below 1 (https://arxiv.org/abs/1603.09382).
        image_size: Side of the images that the position codes were trained for, in pixels. Codes for other sizes
            are interpolated.
        out_indices: Blocks whose maps are passed on, from first to last. None: all. Blocks behind the last of them
            stay unused and are not trained.

    Raises:
        ComponentError: For an image size that is not a multiple of the patch, blocks that do not exist, or a rate
            outside 0 to 1.
    """

    pos_embed: Tensor

    def __init__(
        self,
        inputs: RasterSpec,
        *,
        variant: Literal["prithvi_eo_v2_tiny_tl"] = "prithvi_eo_v2_tiny_tl",
        coordinates: tuple[Literal["time", "location"], ...] = (),
        drop_path: float = 0.0,
        image_size: int = 224,
        out_indices: tuple[int, ...] | None = None,
    ) -> None:
        super().__init__()
        sizes = VARIANTS[variant]
        if image_size < 1 or image_size % sizes.patch_size:
            raise ComponentError(f"'image_size' must be a multiple of {sizes.patch_size}, got {image_size}")
        if not 0 <= drop_path < 1:
            raise ComponentError(f"'drop_path' must be at least 0 and below 1, got {drop_path}")
        self.coordinates = frozenset(coordinates)
        self.size_multiple = sizes.patch_size
        self.out_indices = _block_indices(out_indices, sizes.depth)
        level = FeatureLevel(sizes.embed_dim * inputs.steps, sizes.patch_size)
        self.out = FeatureSpec((level,) * len(self.out_indices))

        side = image_size // sizes.patch_size
        self._trained_grid = (inputs.steps, side, side)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, sizes.embed_dim))
        table = position_table(self._trained_grid, sizes.embed_dim)
        self.register_buffer("pos_embed", table.to(torch.get_default_device()))
        self.patch_embed = PatchEmbedding(inputs.num_channels, sizes.embed_dim, sizes.patch_size)
        if "time" in coordinates:
            self.temporal_embed_enc = CoordinateCode(sizes.embed_dim, sizes.learned_scale)
        if "location" in coordinates:
            self.location_embed_enc = CoordinateCode(sizes.embed_dim, sizes.learned_scale)
        self.blocks = nn.ModuleList(
            TransformerBlock(sizes.embed_dim, sizes.num_heads, sizes.mlp_ratio, drop_path) for _ in range(sizes.depth)
        )
        self.norm = nn.LayerNorm(sizes.embed_dim)
        self._initialise()

    def forward(
        self, image: Tensor, temporal_coords: Tensor | None = None, location_coords: Tensor | None = None
    ) -> list[Tensor]:
        """Give one map (batch, embed_dim * steps, height / patch, width / patch) per block. See :class:`Encoder`.

        Raises:
            ValueError: Where the coordinates that the encoder was built for are missing.
        """
        patches = self.patch_embed(image if image.dim() == 5 else image.unsqueeze(2))
        grid = (patches.shape[2], patches.shape[3], patches.shape[4])
        positions = fit_position_table(self.pos_embed, self._trained_grid, grid)
        tokens = patches.flatten(2).transpose(1, 2) + positions[:, 1:]
        tokens = self._add_coordinates(tokens, grid[1] * grid[2], temporal_coords, location_coords)
        cls = (self.cls_token + positions[:, :1]).expand(tokens.shape[0], -1, -1)
        tokens = torch.cat([cls, tokens], dim=1)
        maps = []
        for index, block in enumerate(self.blocks[: self.out_indices[-1] + 1]):
            tokens = block(tokens)
            if index in self.out_indices:
                is_last = index == len(self.blocks) - 1
                maps.append(_to_map(self.norm(tokens) if is_last else tokens, grid))
        return maps

    def _add_coordinates(
        self, tokens: Tensor, tokens_per_step: int, temporal: Tensor | None, location: Tensor | None
    ) -> Tensor:
        if "time" in self.coordinates:
            codes = self.temporal_embed_enc(_given(temporal, "temporal_coords", "year and day of the year"))
            tokens = tokens + codes.repeat_interleave(tokens_per_step, dim=1)
        if "location" in self.coordinates:
            codes = self.location_embed_enc(_given(location, "location_coords", "latitude and longitude"))
            tokens = tokens + codes.unsqueeze(1)
        return tokens

    def _initialise(self) -> None:
        self.apply(initialise_linear)
        nn.init.normal_(self.cls_token, std=0.02)
        nn.init.xavier_uniform_(self.patch_embed.proj.weight.flatten(1))
        # An optimiser, and training on several devices, must not wait for gradients that never come.
        for block in self.blocks[self.out_indices[-1] + 1 :]:
            block.requires_grad_(False)
        self.norm.requires_grad_(self.out_indices[-1] == len(self.blocks) - 1)


class PatchEmbedding(nn.Module):
    """Turns each patch of each time step into a vector."""

    def __init__(self, num_channels: int, embed_dim: int, patch_size: int) -> None:
        super().__init__()
        size = (1, patch_size, patch_size)
        self.proj = nn.Conv3d(num_channels, embed_dim, kernel_size=size, stride=size)

    def forward(self, image: Tensor) -> Tensor:
        """Give (batch, embed_dim, steps, rows, columns) for (batch, channels, steps, height, width)."""
        vectors: Tensor = self.proj(image)
        return vectors


def _block_indices(indices: tuple[int, ...] | None, depth: int) -> tuple[int, ...]:
    if indices is None:
        return tuple(range(depth))
    positive = tuple(index + depth if index < 0 else index for index in indices)
    if not positive or list(positive) != sorted(set(positive)) or positive[0] < 0 or positive[-1] >= depth:
        raise ComponentError(
            f"'out_indices' must name blocks from first to last, each once, from 0 to {depth - 1} "
            f"(or from the end: -1 is the last); got {list(indices)}"
        )
    return positive


def _given(coordinates: Tensor | None, name: str, meaning: str) -> Tensor:
    if coordinates is None:
        raise ValueError(
            f"The encoder was built to use coordinates and needs '{name}' ({meaning}) with every batch. "
            "Provide them with the samples, or build the encoder with fewer 'coordinates'"
        )
    return coordinates


def _to_map(tokens: Tensor, grid: tuple[int, int, int]) -> Tensor:
    """Lay tokens (batch, 1 + steps * rows * columns, dim) out as a map (batch, steps * dim, rows, columns)."""
    steps, rows, columns = grid
    dim = tokens.shape[-1]
    laid_out = tokens[:, 1:].reshape(-1, steps, rows, columns, dim)
    return laid_out.permute(0, 1, 4, 2, 3).reshape(-1, steps * dim, rows, columns)

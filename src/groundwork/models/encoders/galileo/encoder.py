"""Galileo, which sees Sentinel-1, Sentinel-2, vegetation and terrain over time."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from groundwork.batch import Image, Images
from groundwork.errors import ComponentError
from groundwork.models.encoders.base import Encoder
from groundwork.models.encoders.galileo.network import (
    Block,
    GroupEmbedding,
    direction,
    month_table,
    order_codes,
    place_codes,
)
from groundwork.models.encoders.galileo.sources import (
    Group,
    find_groups,
    require_common_pixel_size,
    require_common_steps,
)
from groundwork.models.encoders.galileo.variants import (
    MAX_PATCH_SIZE,
    MAX_STEPS,
    PIXEL_SIZE_M,
    STILL_GROUPS,
    TIMED_GROUPS,
    VARIANTS,
    GalileoVariant,
    VariantName,
    describe,
)
from groundwork.models.encoders.galileo.weights import load_galileo
from groundwork.models.encoders.parts.calendar import month_of
from groundwork.models.encoders.parts.coordinates import require_dates, require_location
from groundwork.models.encoders.parts.dates import fold_dates
from groundwork.models.encoders.parts.full_precision import in_full_precision
from groundwork.models.encoders.parts.tokens import block_indices, dropped_blocks
from groundwork.models.weights.hub import find_weights
from groundwork.models.weights.info import Coordinate
from groundwork.specs import FeatureLevel, FeatureSpec, RasterSpec

#: The month that Galileo takes where none is known: June.
_USUAL_MONTH = 5
#: Where the token of the place stands among those of whole images.
_PLACE = 1


class GalileoEncoder(Encoder):
    """Galileo (https://arxiv.org/abs/2502.09356): a token for each patch, time step and group of bands.

    Bands are known by name, in whichever source they lie: Sentinel-1, ten bands of Sentinel-2 at the top of the
    atmosphere, NDVI, and terrain (DEM and SLOPE, of one time step). The number of tokens grows with all of them: take
    small images.

    Args:
        inputs: What the rasters of each source hold.
        variant: The network.
        patch_size: Side of a patch, 1 to 8 pixels.
        coordinates: What the network is told of each image. Without "time", all steps are of June.
        keep_steps: Give the maps of each time step, for a neck that pools them; otherwise their mean.
        out_indices: Blocks whose maps are passed on, in order; -1 is the last, which is normalised. None: all.
        pretrained: Start from the published weights.
        weights: A file in the published layout, instead of the hub's.

    Raises:
        SpecError: For bands that Galileo never saw or that come twice, and for steps that do not fit together.
        ComponentError: For patches of another size, or blocks that do not exist.
        WeightsError: For weights that cannot be had, or are of another network.
    """

    single_precision = True

    pos_embed: Tensor

    def __init__(
        self,
        inputs: Mapping[str, RasterSpec],
        *,
        variant: VariantName = "galileo_nano",
        patch_size: int = MAX_PATCH_SIZE,
        coordinates: tuple[Coordinate, ...] = (),
        keep_steps: bool = False,
        out_indices: tuple[int, ...] | None = None,
        pretrained: bool = False,
        weights: str | None = None,
    ) -> None:
        super().__init__()
        if not 1 <= patch_size <= MAX_PATCH_SIZE:
            raise ComponentError(f"'patch_size' must be from 1 to {MAX_PATCH_SIZE}, got {patch_size}")
        self.timed, self.still = find_groups(inputs)
        self.steps = require_common_steps(inputs, self.timed, self.still)
        self._cell_size = require_common_pixel_size(inputs) * patch_size / PIXEL_SIZE_M
        self.size_multiple = patch_size
        self.coordinates = frozenset(coordinates)
        self.keep_steps = keep_steps
        sizes = VARIANTS[variant]
        self.out_indices = block_indices(out_indices, sizes.depth)
        steps = self.steps if keep_steps else 1
        level = FeatureLevel(sizes.embed_dim * steps, patch_size, steps)
        self.out = FeatureSpec((level,) * len(self.out_indices))
        infos = {source: describe(variant, tuple(band.name for band in spec.used)) for source, spec in inputs.items()}
        self.info = {source: info for source, info in infos.items() if info is not None}

        self._build(sizes, patch_size)
        source = find_weights(variant, pretrained, weights, sizes.weights)
        if source is not None:
            layers = {f"space_time_embed.{group.name}": group for group in self.timed}
            layers |= {f"space_embed.{group.name}": group for group in self.still}
            unused = (*dropped_blocks(self.out_indices, sizes.depth), "norm.")
            self.loaded = dict.fromkeys(inputs, load_galileo(self, source, layers, unused))

    def _build(self, sizes: GalileoVariant, patch_size: int) -> None:
        dim = sizes.embed_dim
        # A quarter of a token's code each says its group, step, month and place.
        quarter = dim // 4
        orders = order_codes(torch.arange(MAX_STEPS, dtype=torch.float32, device="cpu"), quarter)
        self.register_buffer("pos_embed", orders.to(torch.get_default_device()))
        months = month_table(quarter).to(torch.get_default_device())
        self.month_embed = nn.Embedding(12, quarter)
        self.month_embed.weight = nn.Parameter(months, requires_grad=False)
        self.s_t_channel_embed = nn.Parameter(torch.zeros(len(TIMED_GROUPS), quarter))
        self.space_time_embed = nn.ModuleDict(
            {group.name: GroupEmbedding(len(group.bands), dim, patch_size) for group in self.timed}
        )
        if self.still:
            # The file holds three groups; of the other two, land cover, none is an image here.
            self.sp_channel_embed = nn.Parameter(torch.zeros(3, quarter))
            self.space_embed = nn.ModuleDict(
                {group.name: GroupEmbedding(len(group.bands), dim, patch_size) for group in self.still}
            )
        if "location" in self.coordinates:
            self.st_channel_embed = nn.Parameter(torch.zeros(4, quarter))
            self.static_embed = nn.ModuleDict({"location": nn.Linear(3, dim)})
        # Blocks behind the last that is passed on would compute for nobody.
        num_blocks = self.out_indices[-1] + 1
        self.blocks = nn.ModuleList(Block(dim, sizes.num_heads) for _ in range(num_blocks))
        self.norm = nn.LayerNorm(dim) if num_blocks == sizes.depth else None
        self.apply(_initialise)

    def forward(self, images: Images) -> list[Tensor]:
        """Give one map per block. See :class:`Encoder`.

        Raises:
            ValueError: Where the coordinates that the encoder was built for are missing.
        """
        # All sources with time have as many steps, of the same dates.
        timed = images.of(self.timed[0].places[0][0])
        first = timed.values
        side = self.size_multiple
        grid = (first.shape[-2] // side, first.shape[-1] // side)
        with in_full_precision(first.device):
            places = place_codes(grid, self.pos_embed.shape[-1], self._cell_size, first.device)
        parts = [self._embed_timed(images, places, timed)]
        if self.still:
            parts.append(self._embed_still(images, places))
        if "location" in self.coordinates:
            parts.append(self._embed_location(timed))
        tokens = torch.cat([part.reshape(first.shape[0], -1, part.shape[-1]) for part in parts], dim=1)
        maps = []
        for index, block in enumerate(self.blocks):
            tokens = block(tokens)
            if index in self.out_indices:
                is_whole = index == len(self.blocks) - 1
                given = self.norm(tokens) if self.norm is not None and is_whole else tokens
                maps.append(self._average(given, grid))
        return maps

    def _embed_timed(self, images: Images, places: Tensor, timed: Image) -> Tensor:
        """Return tokens (batch, steps, groups, cells, channels)."""
        tokens = torch.stack(
            [self.space_time_embed[group.name](fold_dates(_gather(images, group))) for group in self.timed], dim=1
        )
        batch = tokens.shape[0] // self.steps
        tokens = tokens.reshape(batch, self.steps, *tokens.shape[1:])
        shape = (*tokens.shape[:-1], places.shape[-1])
        if "time" in self.coordinates:
            months = self.month_embed(month_of(require_dates("galileo", timed, self.steps)))
        else:
            months = self.month_embed.weight[_USUAL_MONTH].expand(batch, self.steps, -1)
        codes = [
            self.s_t_channel_embed[_rows(self.timed, TIMED_GROUPS)][:, None],
            self.pos_embed[: self.steps, None, None],
            months[:, :, None, None],
            places,
        ]
        embedded: Tensor = tokens + torch.cat([code.expand(shape) for code in codes], dim=-1)
        return embedded

    def _embed_still(self, images: Images, places: Tensor) -> Tensor:
        """Return tokens (batch, groups, cells, channels)."""
        tokens = torch.stack(
            [self.space_embed[group.name](fold_dates(_gather(images, group))) for group in self.still], dim=1
        )
        shape = (*tokens.shape[:-1], places.shape[-1])
        channels = self.sp_channel_embed[_rows(self.still, STILL_GROUPS)][:, None].expand(shape)
        nothing = torch.zeros_like(channels)
        return tokens + torch.cat([channels, nothing, nothing, places.expand(shape)], dim=-1)

    def _embed_location(self, image: Image) -> Tensor:
        """Return tokens (batch, 1, channels)."""
        given = require_location("galileo", image)
        with in_full_precision(given.device):
            point = direction(given)
        code = self.st_channel_embed[_PLACE]
        tokens: Tensor = self.static_embed["location"](point) + functional.pad(code, (0, 3 * code.shape[-1]))
        return tokens.unsqueeze(1)

    def _average(self, tokens: Tensor, grid: tuple[int, int]) -> Tensor:
        """Return the mean of each cell's tokens, of all steps or of each, as (batch, channels, rows, columns)."""
        cells = grid[0] * grid[1]
        kinds = (self.steps * len(self.timed), len(self.still))
        ends = (kinds[0] * cells, sum(kinds) * cells)
        timed, still, place = tokens[:, : ends[0]], tokens[:, ends[0] : ends[1]], tokens[:, ends[1] :]
        batch, _, dim = tokens.shape
        # Tokens without a step belong to every one, and those without a place to every cell.
        steps = timed.reshape(batch, self.steps, len(self.timed), cells, dim).sum(2)
        others = still.reshape(batch, 1, len(self.still), cells, dim).sum(2) + place.sum(1).reshape(batch, 1, 1, dim)
        num_others = len(self.still) + place.shape[1]
        if self.keep_steps:
            mean = (steps + others) / (len(self.timed) + num_others)
        else:
            mean = (steps.sum(1, keepdim=True) + others) / (kinds[0] + num_others)
        return mean.transpose(2, 3).reshape(batch, -1, *grid)


def _gather(images: Images, group: Group) -> Tensor:
    """Return the group's bands, (batch, channels, height, width) or (batch, channels, steps, height, width)."""
    return torch.stack([images.values[source][:, channel] for source, channel in group.places], dim=1)


def _rows(groups: tuple[Group, ...], known: Mapping[str, tuple[str, ...]]) -> list[int]:
    return [list(known).index(group.name) for group in groups]


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        nn.init.zeros_(module.bias)

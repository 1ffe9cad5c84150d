"""TerraMind, which sees several kinds of images at once."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Literal

import torch
from timm.models.vision_transformer import Block
from torch import Tensor, nn
from torch.nn import functional

from groundwork.batch import Images
from groundwork.errors import ComponentError, SpecError
from groundwork.models.encoders.base import Encoder
from groundwork.models.encoders.parts.dates import fold_dates
from groundwork.models.encoders.parts.position_codes import sincos_code
from groundwork.models.encoders.parts.tokens import block_indices, dropped_blocks, run_blocks
from groundwork.models.encoders.terramind.variants import (
    IMAGE_SIZE,
    MODALITIES,
    PATCH_SIZE,
    VARIANTS,
    ModalityName,
    TerraMindVariant,
    VariantName,
    describe,
)
from groundwork.models.encoders.terramind.weights import load_terramind
from groundwork.models.features.sizes import is_open
from groundwork.models.freezing import mark_fresh
from groundwork.models.limits import Rate
from groundwork.models.weights.hub import find_weights
from groundwork.specs import FeatureLevel, FeatureSpec, RasterSpec
from groundwork.strict import did_you_mean

#: How the maps of several sources become one. ``none``: they stay apart, for a neck that merges them.
Merge = Literal["mean", "max", "concat", "none"]
_GRID = IMAGE_SIZE // PATCH_SIZE
_norm = partial(nn.LayerNorm, eps=1e-6, bias=False)


class TerraMindEncoder(Encoder):
    """TerraMind (https://arxiv.org/abs/2504.11171): one transformer whose tokens come from one or several sources.

    Sources of several time steps go through it date by date. What the published network reads as codes of a tokeniser
    (NDVI, land use, captions) is no image to it; give such rasters as ``new``.

    Args:
        inputs: What the rasters of each source hold; all of as many time steps.
        modalities: Source -> what it is; each kind once, ``new`` as often as wanted. Bands are known by name.
        variant: The network.
        merge: How the sources' maps of a block become one. ``concat``: their channels behind one another. ``none``:
            they stay apart.
        order: With ``merge: concat``, the order of the sources. Empty: that of their names.
        out_indices: Blocks whose maps are passed on, in order; -1 is the last, which is normalised. None: all.
        drop_path: Rate of stochastic depth of the last block while training, growing from 0 at the first.
        pretrained: Start from the published weights.
        weights: A file in the published layout, instead of the hub's.

    Raises:
        SpecError: For sources of different numbers of time steps.
        ComponentError: For modalities that do not fit the sources, or blocks that do not exist.
        WeightsError: For weights that cannot be had, or are of another network.
    """

    def __init__(
        self,
        inputs: Mapping[str, RasterSpec],
        *,
        modalities: dict[str, ModalityName],
        variant: VariantName = "terramind_v1_base",
        merge: Merge = "mean",
        order: tuple[str, ...] = (),
        out_indices: tuple[int, ...] | None = None,
        drop_path: Rate = 0.0,
        pretrained: bool = False,
        weights: str | None = None,
    ) -> None:
        super().__init__()
        self._keys = _name_embeddings(inputs, modalities)
        self.steps = _common_steps(inputs)
        sizes = VARIANTS[variant]
        self.merge, self.order = merge, _positions(list(self._keys), order, merge)
        self.size_multiple = PATCH_SIZE
        self.out_indices = block_indices(out_indices, sizes.depth)
        self.out = self._describe_levels(sizes.embed_dim)
        infos = {source: describe(variant, modality) for source, modality in modalities.items()}
        self.info = {source: info for source, info in infos.items() if info is not None}

        counts = {key: inputs[source].num_channels for source, key in self._keys.items()}
        self.encoder_embeddings = nn.ModuleDict(
            {key: PatchEmbedding(count, sizes.embed_dim, PATCH_SIZE, _GRID) for key, count in counts.items()}
        )
        # Blocks behind the last that is passed on would compute for nobody.
        rates = torch.linspace(0, drop_path, sizes.depth, device="cpu").tolist()[: self.out_indices[-1] + 1]
        self.encoder = nn.ModuleList(_build_block(sizes, rate) for rate in rates)
        self.encoder_norm = _norm(sizes.embed_dim) if len(rates) == sizes.depth else None
        self.apply(_initialise)
        self._mark_new()
        source = find_weights(variant, pretrained, weights, sizes.weights)
        if source is not None:
            wanted = {key: [band.name for band in inputs[source].used] for source, key in self._keys.items()}
            trained = {modality.key: modality.bands for modality in MODALITIES.values()}
            unused = (*dropped_blocks(self.out_indices, sizes.depth, "encoder"), "encoder_norm.")
            self.loaded = dict.fromkeys(inputs, load_terramind(self, source, trained, wanted, unused))

    def forward(self, images: Images) -> list[Tensor]:
        """Give one map per block; with merge ``none``, those of the first source, then of the second, and so on.

        See :class:`Encoder`.
        """
        first = images.values[next(iter(self._keys))]
        grid = (first.shape[-2] // PATCH_SIZE, first.shape[-1] // PATCH_SIZE)
        tokens = torch.cat(
            [self.encoder_embeddings[key](fold_dates(images.values[source])) for source, key in self._keys.items()],
            dim=1,
        )
        # The sources' tokens lie below one another, as those of one tall image would.
        num_sources = len(self._keys)
        tall = run_blocks(tokens, self.encoder, self.out_indices, (num_sources * grid[0], grid[1]), self.encoder_norm)
        maps = [self._merge(level.reshape(*level.shape[:2], num_sources, *grid)) for level in tall]
        if self.merge == "none":
            maps = [level[:, index] for index in range(num_sources) for level in maps]
        return [level.reshape(first.shape[0], -1, *grid) for level in maps]

    def _mark_new(self) -> None:
        known = {modality.key for modality in MODALITIES.values()}
        for key, embedding in self.encoder_embeddings.items():
            if key not in known:
                mark_fresh(embedding, [name for name, _ in embedding.named_parameters()], by_design=True)

    def _merge(self, apart: Tensor) -> Tensor:
        """Merge maps (images, channels, sources, rows, columns); ``none`` puts the sources before the channels."""
        if self.merge == "mean":
            return apart.mean(dim=2)
        if self.merge == "max":
            return apart.amax(dim=2)
        ordered = apart.transpose(1, 2)
        if self.merge == "concat":
            return (ordered[:, list(self.order)] if self.order else ordered).flatten(1, 2)
        return ordered

    def _describe_levels(self, embed_dim: int) -> FeatureSpec:
        sources = list(self._keys)
        channels = embed_dim * self.steps * (len(sources) if self.merge == "concat" else 1)
        is_apart = self.merge == "none" and len(sources) > 1
        return FeatureSpec(
            tuple(
                FeatureLevel(channels, PATCH_SIZE, self.steps, source)
                for source in (sources if is_apart else [None])
                for _ in self.out_indices
            )
        )


class PatchEmbedding(nn.Module):
    """Turns each patch of an image into a token that knows where it is and what kind of image it comes from.

    Args:
        num_channels: Bands of the image.
        embed_dim: Length of a token; a multiple of 4.
        patch_size: Side of a patch, in pixels.
        grid: Rows and columns of patches that the codes of the places are computed for; others are interpolated.
    """

    pos_emb: Tensor

    def __init__(self, num_channels: int, embed_dim: int, patch_size: int, grid: int) -> None:
        super().__init__()
        self.patch_size = patch_size
        self.grid = grid
        table = position_codes(grid, embed_dim)
        self.register_buffer("pos_emb", table.to(torch.get_default_device()))
        self.mod_emb = nn.Parameter(torch.zeros(1, 1, embed_dim))
        self.proj = nn.Linear(num_channels * patch_size**2, embed_dim, bias=False)
        nn.init.normal_(self.mod_emb, std=0.02)

    def forward(self, image: Tensor) -> Tensor:
        """Give tokens (batch, rows * columns, embed_dim) for (batch, channels, height, width)."""
        batch, channels, height, width = image.shape
        side = self.patch_size
        rows, columns = height // side, width // side
        # Pixel by pixel, and for each pixel band by band.
        patches = image.reshape(batch, channels, rows, side, columns, side).permute(0, 2, 4, 3, 5, 1)
        values = patches.reshape(batch, rows * columns, -1)
        tokens: Tensor = self.proj(values) + self.mod_emb + self._places((rows, columns))
        return tokens

    def _places(self, grid: tuple[int, int]) -> Tensor:
        if not any(is_open(count) for count in grid) and grid == (self.grid, self.grid):
            return self.pos_emb
        table = self.pos_emb.transpose(1, 2).reshape(1, -1, self.grid, self.grid)
        return functional.interpolate(table, size=grid, mode="bicubic").flatten(2).transpose(1, 2)


class GatedMlp(nn.Module):
    """Two linear layers, the values between them gated by a third (https://arxiv.org/abs/2002.05202).

    Args:
        embed_dim: Length of a token.
        hidden_dim: That of the plain MLP; two thirds of it give as many weights with three layers.
    """

    def __init__(self, embed_dim: int, hidden_dim: int) -> None:
        super().__init__()
        gated = int(2 * hidden_dim / 3)
        self.fc1 = nn.Linear(embed_dim, gated, bias=False)
        self.fc2 = nn.Linear(gated, embed_dim, bias=False)
        self.fc3 = nn.Linear(embed_dim, gated, bias=False)

    def forward(self, tokens: Tensor) -> Tensor:
        """Change each token by itself; the shape (batch, tokens, embed_dim) stays."""
        changed: Tensor = self.fc2(functional.silu(self.fc1(tokens)) * self.fc3(tokens))
        return changed


def position_codes(grid: int, embed_dim: int) -> Tensor:
    """Return the codes of a square grid's places, (1, grid * grid, embed_dim): half of each says the row.

    Computed on the CPU in float32, as the published weights were trained.
    """
    codes = sincos_code(torch.arange(grid, dtype=torch.float32, device="cpu"), embed_dim // 2)
    rows, columns = codes.unsqueeze(1).expand(-1, grid, -1), codes.unsqueeze(0).expand(grid, -1, -1)
    return torch.cat([rows, columns], dim=-1).reshape(1, grid * grid, embed_dim)


def _name_embeddings(inputs: Mapping[str, RasterSpec], modalities: Mapping[str, str]) -> dict[str, str]:
    """Return source -> what the network calls its first layer.

    Raises:
        ComponentError: For sources without a modality, modalities without a source, and two sources of one modality.
    """
    unknown = [source for source in modalities if source not in inputs]
    missing = [source for source in inputs if source not in modalities]
    if unknown or missing:
        hints = "".join(did_you_mean(source, list(inputs)) for source in unknown)
        raise ComponentError(
            f"'modalities' must say of each source what it is: it names {sorted(modalities)}, data.sources has "
            f"{sorted(inputs)}.{hints} Write, for example, {{{next(iter(inputs))}: S2L2A}}"
        )
    for name in MODALITIES:
        sources = [source for source, modality in modalities.items() if modality == name]
        if len(sources) > 1:
            raise ComponentError(
                f"'modalities' names {sources} as '{name}', of which TerraMind takes one. Stack several dates in one "
                "source as its 'steps', or name the others 'new'"
            )
    return {source: MODALITIES[name].key if (name := modalities[source]) in MODALITIES else source for source in inputs}


def _positions(sources: list[str], order: tuple[str, ...], merge: str) -> tuple[int, ...]:
    """Return which source comes first, which second and so on. Empty: they stay in their order.

    Raises:
        ComponentError: For an order of other sources, and one that means nothing.
    """
    if order and (merge != "concat" or sorted(order) != sorted(sources)):
        raise ComponentError(
            f"'order' must name each of the sources {sources} once, with 'merge: concat'; found {list(order)} with "
            f"'merge: {merge}'"
        )
    return tuple(sources.index(source) for source in order)


def _common_steps(inputs: Mapping[str, RasterSpec]) -> int:
    steps = {source: spec.steps for source, spec in inputs.items()}
    if len(set(steps.values())) > 1:
        raise SpecError(
            f"'terramind' sees all sources date by date and needs as many time steps of each, got {steps}. Give each "
            "source its own encoder in 'encoders', or rasters of as many steps"
        )
    return next(iter(steps.values()))


def _build_block(sizes: TerraMindVariant, drop_path: float) -> Block:
    has_bias = not sizes.gated
    block = Block(
        sizes.embed_dim,
        sizes.num_heads,
        qkv_bias=has_bias,
        proj_bias=has_bias,
        drop_path=drop_path,
        norm_layer=_norm,
    )
    if sizes.gated:
        block.mlp = GatedMlp(sizes.embed_dim, 4 * sizes.embed_dim)
    return block


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, Block):
        # Query, key and value are three layers that happen to lie in one.
        for part in module.attn.qkv.weight.data.chunk(3):
            nn.init.xavier_uniform_(part)

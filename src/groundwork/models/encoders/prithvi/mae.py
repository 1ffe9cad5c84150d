"""Prithvi as a masked autoencoder: it sees some patches of an image and paints the others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from groundwork.batch import Image
from groundwork.errors import ComponentError
from groundwork.models.encoders.parts.coordinates import require_dates, require_location
from groundwork.models.encoders.parts.position_codes import CoordinateCode, fit_position_table, position_table
from groundwork.models.encoders.parts.transformer import TransformerBlock, initialise_linear
from groundwork.models.encoders.prithvi.variants import (
    HLS_BANDS,
    VARIANTS,
    PrithviVariant,
    VariantName,
    check_coordinates,
)
from groundwork.models.encoders.prithvi.vit import PrithviViT
from groundwork.models.encoders.prithvi.weights import load_prithvi
from groundwork.models.weights.file import Weights
from groundwork.models.weights.hub import find_weights
from groundwork.models.weights.info import Coordinate
from groundwork.models.weights.reading import LoadReport
from groundwork.specs import RasterSpec


@dataclass(frozen=True)
class ReconstructionOutput:
    """What a masked autoencoder gives for a batch; a registered pytree, so that it passes through ``torch.export``."""

    #: Mean squared error of the removed patches, one number.
    loss: Tensor
    #: (batch, channels, steps, height, width): what the network takes each patch for, the visible ones too. Where the
    #: loss compares standardised patches, in those units.
    reconstruction: Tensor
    #: (batch, steps, height, width): 1 where the network saw nothing, 0 elsewhere.
    mask: Tensor


torch.export.register_dataclass(ReconstructionOutput, serialized_type_name="groundwork.ReconstructionOutput")


class PrithviMAE(nn.Module):
    """Prithvi-EO as it was pre-trained (https://arxiv.org/abs/2111.06377, https://arxiv.org/abs/2412.02732).

    Parameters are named as in the published checkpoints of version 2: ``encoder.*`` and ``decoder.*``.

    Args:
        inputs: What the rasters hold; its time steps are the network's frames.
        variant: Which of the published networks.
        pretrained: Start from the published weights, which are downloaded.
        weights: A local file in a published layout to start from, in place of the hub's. One that is not the
            published file and does not say its bands comes as a mapping of ``file`` and ``bands``.
        mask_ratio: Share of the patches that is removed, between 0 and 1.
        norm_pix_loss: Compare each patch after it is brought to mean 0 and deviation 1.
        coordinates: What each sample's position code is enriched with; both must then come with the samples.
        image_size: Side of the images that the position codes were trained for, in pixels. Codes for other sizes
            are interpolated.

    Raises:
        ComponentError: For a share outside 0 to 1, and as of :class:`PrithviViT`.
        WeightsError: For weights that cannot be read or belong to another network.
    """

    #: What became of published weights. None: it starts from fresh ones.
    loaded: LoadReport | None = None

    def __init__(
        self,
        inputs: Mapping[str, RasterSpec],
        *,
        variant: VariantName = "prithvi_eo_v2_tiny_tl",
        pretrained: bool = False,
        weights: Weights | None = None,
        mask_ratio: float = 0.75,
        norm_pix_loss: bool = False,
        coordinates: tuple[Coordinate, ...] = (),
        image_size: int = 224,
    ) -> None:
        super().__init__()
        if not 0 < mask_ratio < 1:
            raise ComponentError(f"'mask_ratio' must be above 0 and below 1, got {mask_ratio}")
        check_coordinates(variant, coordinates, pretrained)
        sizes = VARIANTS[variant]
        source = find_weights(variant, pretrained, weights, sizes.weights)
        self.mask_ratio = mask_ratio
        self.norm_pix_loss = norm_pix_loss
        self.encoder = PrithviViT(
            inputs, variant=variant, coordinates=coordinates, image_size=image_size, out_indices=(-1,)
        )
        raster = self.encoder.raster
        self.num_channels = raster.num_channels
        self.coordinates = self.encoder.coordinates
        self.size_multiple = self.encoder.size_multiple
        self.decoder = PrithviDecoder(sizes, self.encoder.trained_grid, raster.num_channels, self.coordinates)
        if source is not None:
            places = {"encoder": "encoder.", "decoder": "decoder."}
            self.loaded = load_prithvi(self, source, places, HLS_BANDS, [band.name for band in raster.used])

    def forward(self, image: Image, noise: Tensor | None = None) -> ReconstructionOutput:
        """Remove patches of an image and paint them.

        Args:
            image: Standardised values. Height and width must be multiples of ``size_multiple``; the loss leaves out
                what holds no data.
            noise: As of :meth:`draw_noise`. None: drawn from torch's own generator.

        Raises:
            ValueError: Where the coordinates that the network was built for are missing.
        """
        values = image.values if image.values.dim() == 5 else image.values.unsqueeze(2)
        embedded = self.encoder.embed(image)
        if noise is None:
            noise = torch.rand(embedded.patches.shape[:2], device=values.device)
        order = noise.argsort(dim=1)
        restore = order.argsort(dim=1)
        num_kept = order.shape[1] - self.num_hidden(order.shape[1])
        visible = _pick(embedded.patches, order[:, :num_kept])
        tokens = torch.cat([embedded.cls, visible], dim=1)
        for index in range(len(self.encoder.blocks)):
            tokens = self.encoder.run_block(index, tokens)
        tokens = self.encoder.norm(tokens)
        painted = self.decoder(tokens, restore, embedded.grid, image)
        removed = (restore >= num_kept).to(painted.dtype)
        side = self.encoder.patch_size[1]
        flat_mask = removed.unsqueeze(-1).expand(-1, -1, side * side)
        return ReconstructionOutput(
            loss=self._compare(painted, to_patches(values, side), removed, _known_pixels(image.valid, values, side)),
            reconstruction=from_patches(painted, embedded.grid, self.num_channels),
            mask=from_patches(flat_mask, embedded.grid, 1)[:, 0],
        )

    def num_hidden(self, num_patches: int) -> int:
        """Return how many of so many patches are removed."""
        return num_patches - int(num_patches * (1 - self.mask_ratio))

    def noise_of(self, image: Tensor, seeds: Tensor) -> Tensor:
        """Return what :meth:`draw_noise` draws for each image by a seed of its own.

        Args:
            image: (batch, channels, height, width), or (batch, channels, steps, height, width).
            seeds: (batch,), whole numbers.
        """
        generators = [torch.Generator().manual_seed(int(seed)) for seed in seeds.tolist()]
        drawn = [self.draw_noise(image[:1], generator) for generator in generators]
        return torch.cat(drawn).to(image.device)

    def draw_noise(self, image: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return a number from 0 to 1 for each patch of each image; the patches with the largest are removed.

        Args:
            image: (batch, channels, height, width), or (batch, channels, steps, height, width).
            generator: For a mask that can be drawn again.

        Returns:
            (batch, steps * rows * columns), on the device of the image.
        """
        side = self.encoder.patch_size[1]
        steps = image.shape[2] if image.dim() == 5 else 1
        num_patches = steps * (image.shape[-2] // side) * (image.shape[-1] // side)
        device = image.device if generator is None else generator.device
        return torch.rand(image.shape[0], num_patches, generator=generator, device=device).to(image.device)

    def _compare(self, painted: Tensor, patches: Tensor, removed: Tensor, known: Tensor | None) -> Tensor:
        """Return the mean squared error of removed patches (batch, patches, values), over the known values of them."""
        if known is None:
            if self.norm_pix_loss:
                variance, mean = torch.var_mean(patches, dim=-1, keepdim=True)
                patches = (patches - mean) / (variance + 1e-6).sqrt()
            error = (painted - patches).square().mean(dim=-1)
            return (error * removed).sum() / removed.sum()
        if self.norm_pix_loss:
            count = known.sum(dim=-1, keepdim=True)
            mean = (patches * known).sum(dim=-1, keepdim=True) / count.clamp(min=1)
            spread = ((patches - mean).square() * known).sum(dim=-1, keepdim=True) / (count - 1).clamp(min=1)
            patches = (patches - mean) / (spread + 1e-6).sqrt()
        weight = known * removed.unsqueeze(-1)
        return ((painted - patches).square() * weight).sum() / weight.sum().clamp(min=1)


class PrithviDecoder(nn.Module):
    """Paints all patches from the visible ones.

    Args:
        sizes: Of the network.
        trained_grid: Time steps, rows and columns that the position codes were trained for.
        num_channels: Bands of one time step.
        coordinates: Which of "time" and "location" the tokens are told once more.
    """

    decoder_pos_embed: Tensor

    def __init__(
        self,
        sizes: PrithviVariant,
        trained_grid: tuple[int, int, int],
        num_channels: int,
        coordinates: frozenset[str],
    ) -> None:
        super().__init__()
        dim = sizes.decoder_dim
        self.trained_grid = trained_grid
        self.coordinates = coordinates
        self.decoder_embed = nn.Linear(sizes.embed_dim, dim)
        self.mask_token = nn.Parameter(torch.zeros(1, 1, dim))
        table = position_table(trained_grid, dim)
        self.register_buffer("decoder_pos_embed", table.to(torch.get_default_device()))
        if "time" in coordinates:
            self.temporal_embed_dec = CoordinateCode(dim, sizes.learned_scale)
        if "location" in coordinates:
            self.location_embed_dec = CoordinateCode(dim, sizes.learned_scale)
        self.decoder_blocks = nn.ModuleList(
            TransformerBlock(dim, sizes.decoder_heads, sizes.mlp_ratio, drop_path=0.0)
            for _ in range(sizes.decoder_depth)
        )
        self.decoder_norm = nn.LayerNorm(dim)
        self.decoder_pred = nn.Linear(dim, sizes.patch_size**2 * num_channels)
        self.apply(initialise_linear)
        nn.init.normal_(self.mask_token, std=0.02)

    def forward(self, tokens: Tensor, restore: Tensor, grid: tuple[int, int, int], image: Image) -> Tensor:
        """Give the values of all patches, (batch, patches, patch * patch * channels).

        Args:
            tokens: The class token and the visible ones, (batch, 1 + visible, embed_dim of the encoder).
            restore: For each patch its place among the visible and the removed ones behind them, (batch, patches).
            grid: Time steps, rows and columns of the patches.
            image: When and where it was taken.
        """
        tokens = self.decoder_embed(tokens)
        num_removed = restore.shape[1] + 1 - tokens.shape[1]
        removed = self.mask_token.expand(tokens.shape[0], num_removed, -1)
        positions = fit_position_table(self.decoder_pos_embed, self.trained_grid, grid)
        patches = _pick(torch.cat([tokens[:, 1:], removed.to(tokens.dtype)], dim=1), restore) + positions[:, 1:]
        if "time" in self.coordinates:
            codes = self.temporal_embed_dec(require_dates("prithvi_mae", image, grid[0])).to(patches.dtype)
            patches = patches + codes.repeat_interleave(grid[1] * grid[2], dim=1)
        if "location" in self.coordinates:
            codes = self.location_embed_dec(require_location("prithvi_mae", image))
            patches = patches + codes.to(patches.dtype).unsqueeze(1)
        tokens = torch.cat([tokens[:, :1] + positions[:, :1], patches], dim=1)
        for block in self.decoder_blocks:
            tokens = block(tokens)
        painted: Tensor = self.decoder_pred(self.decoder_norm(tokens))
        return painted[:, 1:]


def to_patches(image: Tensor, side: int) -> Tensor:
    """Cut an image into patches; the values of a patch go by row, column and channel.

    Args:
        image: (batch, channels, steps, height, width).
        side: Of a patch, in pixels.

    Returns:
        (batch, steps * rows * columns, side * side * channels).
    """
    batch, channels, steps, height, width = image.shape
    cut = image.reshape(batch, channels, steps, height // side, side, width // side, side)
    return cut.permute(0, 2, 3, 5, 4, 6, 1).reshape(batch, -1, side * side * channels)


def from_patches(patches: Tensor, grid: tuple[int, int, int], channels: int) -> Tensor:
    """Put the patches of :func:`to_patches` together again.

    Args:
        patches: (batch, steps * rows * columns, side * side * channels).
        grid: Time steps, rows and columns.
        channels: Of the image.
    """
    steps, rows, columns = grid
    side = round((patches.shape[-1] / channels) ** 0.5)
    cut = patches.reshape(-1, steps, rows, columns, side, side, channels)
    return cut.permute(0, 6, 1, 2, 4, 3, 5).reshape(-1, channels, steps, rows * side, columns * side)


def _known_pixels(valid: Tensor | None, image: Tensor, side: int) -> Tensor | None:
    """Return 1 for each value of the patches that holds data, 0 for the others; None: all do."""
    if valid is None:
        return None
    by_step = valid.unsqueeze(1) if valid.dim() == 3 else valid
    return to_patches(by_step.unsqueeze(1).expand(image.shape).to(image.dtype), side)


def _pick(tokens: Tensor, order: Tensor) -> Tensor:
    return tokens.gather(1, order.unsqueeze(-1).expand(-1, -1, tokens.shape[-1]))

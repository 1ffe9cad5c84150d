"""Prithvi-EO with a ViT-Adapter beside it, which gives a pyramid."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from groundwork.batch import Image
from groundwork.errors import ComponentError
from groundwork.models.encoders.one_source import OneSourceEncoder
from groundwork.models.encoders.parts.dates import drop_time, require_one_date
from groundwork.models.encoders.parts.tokens import as_buffer, to_map
from groundwork.models.encoders.prithvi.adapter_weights import load_adapter
from groundwork.models.encoders.prithvi.options import AdapterOptions
from groundwork.models.encoders.prithvi.variants import (
    HLS_BANDS,
    VARIANTS,
    PrithviVariant,
    VariantName,
    check_coordinates,
    describe,
)
from groundwork.models.encoders.prithvi.vit import PrithviViT
from groundwork.models.encoders.prithvi.vit_adapter import (
    DeformableAttention,
    Extractor,
    Injector,
    Shape,
    SpatialPrior,
    cell_centers,
    initialise_adapter,
)
from groundwork.models.encoders.prithvi.weights import load_prithvi
from groundwork.models.freezing import freeze, mark_fresh
from groundwork.models.limits import Rate
from groundwork.models.weights.file import Weights
from groundwork.models.weights.hub import find_weights
from groundwork.models.weights.info import Coordinate
from groundwork.specs import FeatureLevel, FeatureSpec, RasterSpec

#: Strides of the levels that are given.
_STRIDES = (4, 8, 16, 32)


class PrithviViTAdapter(OneSourceEncoder):
    """Prithvi-EO with a ViT-Adapter (https://arxiv.org/abs/2205.08534): levels of strides 4, 8, 16 and 32.

    Convolutions beside the transformer see what is finer than a patch; four times, both tell each other what they
    see. The class token and the last layer norm of the transformer stay unused. Parameters of the transformer are
    named as in the published checkpoints, behind ``vit.``.

    Args:
        inputs: What the rasters hold, one time step. Published weights are matched by the names of the bands.
        variant: Which of the published networks; one with patches of 16 pixels.
        pretrained: Start the transformer from the published weights, which are downloaded.
        weights: A local file in a published layout to start from, in place of the hub's. One that is not the
            published file and does not say its bands comes as a mapping of ``file`` and ``bands``. A file of
            TerraTorch sets the adapter as well.
        coordinates: What each sample's position code is enriched with; both must then come with the samples.
        image_size: Side of the images that the position codes were trained for, in pixels.
        adapter: Sizes of the adapter, and whether the transformer is trained beside it.
        drop_path: Rate of stochastic depth of the transformer's blocks while training, below 1.
        gradient_checkpointing: Compute the transformer's blocks once more for their gradients, to save memory.

    Raises:
        ComponentError: For a variant with other patches, and as of :class:`PrithviViT`.
        SpecError: For several time steps.
        WeightsError: For weights that cannot be read or belong to another network.
    """

    def __init__(
        self,
        inputs: Mapping[str, RasterSpec],
        *,
        variant: VariantName = "prithvi_eo_v2_tiny_tl",
        pretrained: bool = False,
        weights: Weights | None = None,
        coordinates: tuple[Coordinate, ...] = (),
        image_size: int = 224,
        adapter: AdapterOptions | None = None,
        drop_path: Rate = 0.0,
        gradient_checkpointing: bool = False,
    ) -> None:
        super().__init__(inputs)
        options = adapter or AdapterOptions()
        sizes = VARIANTS[variant]
        require_one_date("prithvi_vit_adapter", self.raster)
        _check(variant, sizes, drop_path, freeze_vit=options.freeze_vit)
        check_coordinates(variant, coordinates, pretrained)
        source = find_weights(variant, pretrained, weights, sizes.weights)
        self.vit = PrithviViT(
            inputs,
            variant=variant,
            coordinates=coordinates,
            image_size=image_size,
            drop_path=drop_path,
            gradient_checkpointing=gradient_checkpointing,
        )
        self.coordinates = self.vit.coordinates
        self.size_multiple = _STRIDES[-1]
        self.out = FeatureSpec(tuple(FeatureLevel(sizes.embed_dim, stride) for stride in _STRIDES))
        self._build(self.raster.num_channels, sizes, options)
        wanted = [band.name for band in self.raster.used]
        loaded = None
        if source is not None:
            whole = load_adapter(self, source, wanted)
            loaded = whole or load_prithvi(self, source, {"encoder": "vit."}, HLS_BANDS, wanted)
        self.publish(describe(variant), loaded)
        if options.freeze_vit:
            freeze(self.vit)

    def _build(self, num_channels: int, sizes: PrithviVariant, options: AdapterOptions) -> None:
        dim = sizes.embed_dim

        def attend(num_levels: int) -> DeformableAttention:
            value_dim = int(dim * options.value_ratio)
            return DeformableAttention(dim, sizes.num_heads, num_levels, options.points, value_dim)

        num_stages = len(_STRIDES)
        self.level_embed = nn.Parameter(torch.empty(3, dim))
        self.spm = SpatialPrior(num_channels, options.prior_channels, dim)
        self.injectors = nn.ModuleList(Injector(dim, attend(3)) for _ in range(num_stages))
        num_extractors = num_stages + options.extra_extractors
        self.extractors = nn.ModuleList(Extractor(dim, attend(1)) for _ in range(num_extractors))
        self.up = nn.ConvTranspose2d(dim, dim, kernel_size=2, stride=2)
        self.norms = nn.ModuleList(nn.BatchNorm2d(dim) for _ in _STRIDES)
        for part in (self.spm, self.up):
            part.apply(initialise_adapter)
        for attention in self.modules():
            if isinstance(attention, DeformableAttention):
                attention.initialise()
        nn.init.normal_(self.level_embed)
        as_buffer(self.vit, "cls_token")
        as_buffer(self.vit.norm, "weight")
        as_buffer(self.vit.norm, "bias")
        mark_fresh(self, _beside(self, "vit."), by_design=True)

    def encode(self, image: Image) -> list[Tensor]:
        """Give maps (batch, embed_dim, height / stride, width / stride). See :class:`Encoder`.

        Raises:
            ValueError: Where the coordinates that the encoder was built for are missing.
        """
        flat = drop_time(image.values)
        shapes = [(flat.shape[-2] // stride, flat.shape[-1] // stride) for stride in _STRIDES]
        finest, *coarser = self.spm(flat)
        details = [
            level.flatten(2).transpose(1, 2) + embedding
            for level, embedding in zip(coarser, self.level_embed, strict=True)
        ]
        tokens = self.vit.embed(image).patches
        detail, stages = self._interact(tokens, torch.cat(details, dim=1), shapes)
        parts = torch.split(detail, [rows * columns for rows, columns in shapes[1:]], dim=1)
        levels = [to_map(part, shape) for part, shape in zip(parts, shapes[1:], strict=True)]
        levels.insert(0, self.up(levels[0]) + finest)
        return [
            norm(level + functional.interpolate(to_map(stage, shapes[2]), size=shape, mode="bilinear"))
            for norm, level, stage, shape in zip(self.norms, levels, stages, shapes, strict=True)
        ]

    def _interact(self, tokens: Tensor, detail: Tensor, shapes: list[Shape]) -> tuple[Tensor, list[Tensor]]:
        """Return the levels of stride 8 to 32, one behind another, and the transformer's tokens of each stage."""
        on_patches, on_levels = cell_centers([shapes[2]], tokens), cell_centers(shapes[1:], tokens)
        per_stage = len(self.vit.blocks) // len(self.injectors)
        stages = []
        for stage, injector in enumerate(self.injectors):
            tokens = injector(tokens, on_patches, detail, shapes[1:])
            for index in range(stage * per_stage, (stage + 1) * per_stage):
                tokens = self.vit.run_block(index, tokens)
            detail = self.extractors[stage](detail, on_levels, tokens, [shapes[2]])
            stages.append(tokens)
        for extractor in self.extractors[len(stages) :]:
            detail = extractor(detail, on_levels, tokens, [shapes[2]])
        return detail, stages


def _beside(network: nn.Module, prefix: str) -> list[str]:
    return [name for name, _ in network.named_parameters() if not name.startswith(prefix)]


def _check(variant: str, sizes: PrithviVariant, drop_path: float, *, freeze_vit: bool) -> None:
    if drop_path and freeze_vit:
        raise ComponentError(
            "'drop_path' has no effect on a transformer that stays as it is: leave out 'freeze_vit' or it"
        )
    if sizes.patch_size != _STRIDES[2]:
        others = [name for name, other in VARIANTS.items() if other.patch_size == _STRIDES[2]]
        raise ComponentError(
            f"'prithvi_vit_adapter' needs patches of {_STRIDES[2]} pixels, '{variant}' has {sizes.patch_size}. "
            f"Take one of {others}, or 'prithvi_vit' with a 'pyramid' neck"
        )

"""The Swin transformers of Prithvi, as timm builds them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from timm.models.swin_transformer import SwinTransformer, SwinTransformerBlock
from torch import Tensor, nn
from torch.nn import functional

from groundwork.batch import Image
from groundwork.models.encoders.one_source import OneSourceEncoder
from groundwork.models.encoders.parts.dates import drop_time, require_one_date
from groundwork.models.encoders.parts.tokens import block_indices
from groundwork.models.encoders.prithvi.swin_weights import load_swin
from groundwork.models.encoders.prithvi.variants import HLS_BANDS
from groundwork.models.limits import Rate
from groundwork.models.weights.file import Weights
from groundwork.models.weights.hub import find_weights
from groundwork.models.weights.info import EncoderInfo
from groundwork.specs import FeatureLevel, FeatureSpec, RasterSpec

#: Side of a patch, in pixels.
PATCH = 4


@dataclass(frozen=True, slots=True)
class SwinVariant:
    """The sizes of one network."""

    embed_dim: int
    num_heads: tuple[int, ...]
    depths: tuple[int, ...] = (2, 2, 18, 2)
    window: int = 7


VARIANTS: dict[str, SwinVariant] = {
    "b": SwinVariant(128, (4, 8, 16, 32)),
    "l": SwinVariant(192, (6, 12, 24, 48)),
}


class WholeWindowsBlock(SwinTransformerBlock):  # type: ignore[misc]
    """Pads a map to whole windows before these are shifted."""

    def _attn(self, x: Tensor) -> Tensor:
        rows, columns = x.shape[1:3]
        missing = (-columns % self.window_size[1], -rows % self.window_size[0])
        whole = functional.pad(x, (0, 0, 0, missing[0], 0, missing[1]))
        mixed: Tensor = super()._attn(whole)
        return mixed[:, :rows, :columns]


def _build_network(num_channels: int, sizes: SwinVariant, drop_path: float) -> SwinTransformer:
    return SwinTransformer(
        in_chans=num_channels,
        num_classes=0,
        embed_dim=sizes.embed_dim,
        depths=sizes.depths,
        num_heads=sizes.num_heads,
        window_size=sizes.window,
        # Shifted windows also where a map is as small as one window, and maps of any size, as in MMSegmentation.
        always_partition=True,
        strict_img_size=False,
        drop_path_rate=drop_path,
    )


def _pad_before_shift(network: nn.Module) -> None:
    for module in network.modules():
        if type(module) is SwinTransformerBlock:
            # timm takes no class of block; ours has the same parts.
            module.__class__ = WholeWindowsBlock


class PrithviSwin(OneSourceEncoder):
    """Prithvi's Swin transformer (https://arxiv.org/abs/2103.14030): levels of strides 4, 8, 16 and 32.

    A layer norm stands behind each level, as in MMSegmentation. The network is timm's; where a map is no multiple of
    the window of 7 cells it is padded after the shift, unless it is told to pad before it, as MMSegmentation does.

    The weights of pre-training are not on the hub under a name of their own: name a file in ``weights``. Read are the
    layouts of Swin's authors, of MMSegmentation and TerraTorch, fine-tuned ones included, and of timm.

    Args:
        inputs: What the rasters hold, one time step. Weights are matched by the names of the bands.
        variant: Base (``b``) or large (``l``).
        pretrained: Start from the weights of a file.
        weights: The file, as a mapping of ``file`` and ``bands``, as these files do not say their bands.
        drop_path: Rate of stochastic depth of the last block while training, below 1; earlier blocks have less.
        out_indices: Stages whose maps are passed on, from the finest; -1 is the last. None: all. Stages behind the
            last of them are left out.
        pads_before_shift: Whether maps are padded to whole windows before these are shifted, as in MMSegmentation, or
            behind it, as in timm. Of maps that are a multiple of the window both are the same.
        gradient_checkpointing: Compute blocks once more for their gradients, to save memory.

    Raises:
        ComponentError: For stages that do not exist, or options of the weights that contradict each other.
        SpecError: For several time steps.
        WeightsError: For weights that cannot be read or belong to another network.
    """

    def __init__(
        self,
        inputs: Mapping[str, RasterSpec],
        *,
        variant: Literal["b", "l"] = "b",
        pretrained: bool = False,
        weights: Weights | None = None,
        drop_path: Rate = 0.0,
        out_indices: tuple[int, ...] | None = None,
        pads_before_shift: bool = False,
        gradient_checkpointing: bool = False,
    ) -> None:
        super().__init__(inputs)
        raster = self.raster
        sizes = VARIANTS[variant]
        require_one_date("prithvi_swin", raster)
        kept = block_indices(out_indices, len(sizes.depths))
        source = find_weights(f"prithvi_swin {variant}", pretrained, weights, None)
        self.out_indices = kept
        self.out = FeatureSpec(tuple(FeatureLevel(sizes.embed_dim << index, 4 << index) for index in kept))
        self.size_multiple = 4 << kept[-1]
        self.network = _build_network(raster.num_channels, sizes, drop_path)
        self.network.prune_intermediate_layers(list(kept), prune_norm=True)
        self.network.set_grad_checkpointing(gradient_checkpointing)
        if pads_before_shift:
            _pad_before_shift(self.network)
        self.norms = nn.ModuleDict({str(index): nn.LayerNorm(sizes.embed_dim << index) for index in kept})
        loaded = None
        if source is not None:
            wanted = [band.name for band in raster.used]
            loaded = load_swin(self, source, HLS_BANDS, wanted, len(sizes.depths))
        self.publish(EncoderInfo(bands=HLS_BANDS, pixel_size_m=30.0), loaded)

    def encode(self, image: Image) -> list[Tensor]:
        """Give one map per stage. See :class:`Encoder`."""
        values = drop_time(image.values)
        # Only where the model is told to leave images as they are; the last patches are then filled up by their edge.
        height, width = values.shape[-2:]
        if height % PATCH or width % PATCH:
            values = functional.pad(values, (0, -width % PATCH, 0, -height % PATCH), mode="replicate")
        maps = self.network.forward_intermediates(values, indices=list(self.out_indices), intermediates_only=True)
        return [
            norm(features.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
            for norm, features in zip(self.norms.values(), maps, strict=True)
        ]

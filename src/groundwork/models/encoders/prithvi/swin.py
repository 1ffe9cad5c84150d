"""The Swin transformers of Prithvi, as timm builds them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from timm.models.swin_transformer import SwinTransformer
from torch import Tensor, nn

from groundwork.models.encoders.base import Encoder
from groundwork.models.encoders.parts.dates import drop_time, require_one_date
from groundwork.models.encoders.prithvi.swin_weights import load_swin
from groundwork.models.encoders.prithvi.variants import HLS_BANDS
from groundwork.models.weights.bands import describe_file
from groundwork.models.weights.file import Weights
from groundwork.models.weights.hub import find_weights
from groundwork.models.weights.info import EncoderInfo
from groundwork.registry import ComponentError
from groundwork.specs import FeatureLevel, FeatureSpec, RasterSpec


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


class PrithviSwin(Encoder):
    """Prithvi's Swin transformer (https://arxiv.org/abs/2103.14030): levels of strides 4, 8, 16 and 32.

    A layer norm stands behind each level, as in MMSegmentation. The network is timm's; where a map is no multiple of
    the window of 7 cells it is padded after the shift, MMSegmentation pads before it.

    The weights of pre-training are not on the hub under a name of their own: name a file in ``weights``. Read are the
    layouts of Swin's authors, of MMSegmentation and TerraTorch, fine-tuned ones included, and of timm.

    Args:
        inputs: What the rasters hold, one time step. Weights are matched by the names of the bands.
        variant: Base or large.
        pretrained: Start from the weights of a file.
        weights: The file, as a mapping of ``file`` and ``bands``, as these files do not say their bands.
        drop_path: Rate of stochastic depth of the last block while training, below 1; earlier blocks have less.
        out_indices: Stages whose maps are passed on, from the finest. Stages behind the last of them are left out.
        gradient_checkpointing: Compute blocks once more for their gradients, to save memory.

    Raises:
        ComponentError: For stages that do not exist, a rate outside 0 to 1, or options of the weights that
            contradict each other.
        SpecError: For several time steps.
        WeightsError: For weights that cannot be read or belong to another network.
    """

    def __init__(
        self,
        inputs: RasterSpec,
        *,
        variant: Literal["b", "l"] = "b",
        pretrained: bool = False,
        weights: Weights | None = None,
        drop_path: float = 0.0,
        out_indices: tuple[int, ...] = (0, 1, 2, 3),
        gradient_checkpointing: bool = False,
    ) -> None:
        super().__init__()
        sizes = VARIANTS[variant]
        require_one_date("prithvi_swin", inputs)
        _check(drop_path, out_indices, len(sizes.depths))
        source = find_weights(f"prithvi_swin {variant}", pretrained, weights, None)
        self.info = EncoderInfo(bands=HLS_BANDS, pixel_size_m=30.0)
        self.out_indices = out_indices
        self.out = FeatureSpec(tuple(FeatureLevel(sizes.embed_dim << index, 4 << index) for index in out_indices))
        self.size_multiple = 4 << out_indices[-1]
        self.network = SwinTransformer(
            in_chans=inputs.num_channels,
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
        self.network.prune_intermediate_layers(list(out_indices), prune_norm=True)
        self.network.set_grad_checkpointing(gradient_checkpointing)
        self.norms = nn.ModuleDict({str(index): nn.LayerNorm(sizes.embed_dim << index) for index in out_indices})
        if source is not None:
            wanted = [band.name for band in inputs.used]
            self.loaded = load_swin(self, source, HLS_BANDS, wanted, len(sizes.depths))
            self.info = describe_file(self.info, self.loaded)

    def forward(
        self,
        image: Tensor,
        temporal_coords: Tensor | None = None,  # noqa: ARG002 - the interface of all encoders
        location_coords: Tensor | None = None,  # noqa: ARG002
    ) -> list[Tensor]:
        """Give one map per stage. See :class:`Encoder`."""
        maps = self.network.forward_intermediates(
            drop_time(image), indices=list(self.out_indices), intermediates_only=True
        )
        return [
            norm(features.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
            for norm, features in zip(self.norms.values(), maps, strict=True)
        ]


def _check(drop_path: float, out_indices: tuple[int, ...], num_stages: int) -> None:
    if not 0 <= drop_path < 1:
        raise ComponentError(f"'drop_path' must be at least 0 and below 1, got {drop_path}")
    if not out_indices or list(out_indices) != sorted(set(out_indices) & set(range(num_stages))):
        raise ComponentError(
            f"'out_indices' must name stages from first to last, each once, from 0 to {num_stages - 1}; "
            f"got {list(out_indices)}"
        )

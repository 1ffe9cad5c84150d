"""CROMA, which sees Sentinel-1, Sentinel-2, or both."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, cast

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchgeo.models import CROMABase_Weights, CROMALarge_Weights
from torchgeo.models.croma import BaseTransformerCrossAttn, ViT
from torchvision.models import WeightsEnum

from groundwork.batch import Image
from groundwork.models.encoders.one_source import OneSourceEncoder
from groundwork.models.encoders.parts.dates import drop_time, require_one_date
from groundwork.models.encoders.parts.tokens import block_indices, dropped_blocks, grid_levels, to_map
from groundwork.models.encoders.torchgeo.insides import require_insides
from groundwork.models.weights.info import EncoderInfo
from groundwork.models.weights.published import FirstLayer, load_published
from groundwork.specs import RasterSpec

OPTICAL_BANDS = (
    *("COASTAL", "BLUE", "GREEN", "RED", "RED_EDGE_1", "RED_EDGE_2", "RED_EDGE_3"),
    *("NIR_BROAD", "NIR_NARROW", "WATER_VAPOR", "SWIR_1", "SWIR_2"),
)
RADAR_BANDS = ("VV", "VH")
#: Networks of one sensor each, by their names in the published weights -> the bands they were trained on.
_SENSORS = {"s1_encoder": RADAR_BANDS, "s2_encoder": OPTICAL_BANDS}
_PATCH = 8
_NUM_HEADS = 16


@dataclass(frozen=True, slots=True)
class _Size:
    embed_dim: int
    depth: int
    published: WeightsEnum


#: Variant -> its size.
SIZES = {
    "base": _Size(768, 12, CROMABase_Weights.CROMA_VIT),
    "large": _Size(1024, 24, CROMALarge_Weights.CROMA_VIT),
}


class CROMAEncoder(OneSourceEncoder):
    """CROMA (https://arxiv.org/abs/2311.00566) of TorchGeo, for Sentinel-1, Sentinel-2, or both in one raster.

    The bands VV and VH go through its radar network, all others through its optical one; where there are both, the
    joint network's maps are passed on. Images of any size will do, as its sense of distance is a formula.

    Args:
        inputs: What the rasters hold, one date.
        variant: The size.
        pretrained: Start from the published weights; bands that CROMA saw keep theirs.
        weights: A file of them, instead of a download.
        out_indices: Blocks whose maps are passed on, in order; -1 is the last: of the only network, or of the joint
            one. None: all.

    Raises:
        SpecError: For several dates.
        ComponentError: For blocks that do not exist.
        WeightsError: For weights that cannot be had, or are of another network.
    """

    single_precision = True

    def __init__(
        self,
        inputs: Mapping[str, RasterSpec],
        *,
        variant: Literal["base", "large"] = "base",
        pretrained: bool = False,
        weights: str | None = None,
        out_indices: tuple[int, ...] | None = None,
    ) -> None:
        super().__init__(inputs)
        raster = self.raster
        require_one_date("croma", raster)
        size = SIZES[variant]
        radar = [index for index, band in enumerate(raster.used) if band.name in RADAR_BANDS]
        optical = [index for index in range(raster.num_channels) if index not in radar]
        #: Network of one sensor -> the channels it sees.
        self._channels = {name: seen for name, seen in zip(_SENSORS, (radar, optical), strict=True) if seen}
        self._last = "joint_encoder" if len(self._channels) > 1 else next(iter(self._channels))
        depth = size.depth if self._last == "s2_encoder" else size.depth // 2
        self.out_indices = block_indices(out_indices, depth)
        is_whole = self.out_indices[-1] == depth - 1
        self.network = self._build(size, is_whole)
        self.out = grid_levels(self.out_indices, size.embed_dim, _PATCH)
        self.size_multiple = _PATCH
        info = EncoderInfo(
            bands=tuple(band for name in self._channels for band in _SENSORS[name]),
            image_size=120,
            patch_size=_PATCH,
            pixel_size_m=10.0,
            weights=size.published.url,
            citation=size.published.meta["publication"],
        )
        inner = self._last if self._last == "joint_encoder" else f"{self._last}.transformer"
        unused = (*_unused(self.network), *dropped_blocks(self.out_indices, depth, f"{inner}.layers"))
        unused += () if is_whole else (f"{inner}.norm_out.",)
        first = self._first_layers()
        loaded = load_published(self.network, size.published, pretrained, weights, unused=unused, first=first)
        self.publish(info, loaded)

    def encode(self, image: Image) -> list[Tensor]:
        """Give one map per block. See :class:`Encoder`."""
        values = drop_time(image.values)
        grid = (values.shape[-2] // _PATCH, values.shape[-1] // _PATCH)
        bias = distance_bias(grid, values.device)
        states = []
        for name, channels in self._channels.items():
            network = cast("ViT", self.network[name])
            patches = functional.pixel_unshuffle(values[:, channels], _PATCH).flatten(2).transpose(1, 2)
            states.append(_run(network.transformer, network.linear_input(patches), bias))
        if self._last == "joint_encoder":
            radar, optical = (state[-1] for state in states)
            states.append(_run(self.network["joint_encoder"], radar, bias, optical))
        return [to_map(states[-1][index], grid) for index in self.out_indices]

    def _build(self, size: _Size, normed: bool) -> nn.ModuleDict:
        depths = {"s1_encoder": size.depth // 2, "s2_encoder": size.depth, self._last: self.out_indices[-1] + 1}
        parts: dict[str, nn.Module] = {
            name: ViT(size.embed_dim, depths[name], len(channels)) for name, channels in self._channels.items()
        }
        for part in parts.values():
            require_insides(part, "linear_input", "transformer.layers", "transformer.norm_out")
        if self._last == "joint_encoder":
            parts[self._last] = BaseTransformerCrossAttn(size.embed_dim, depths[self._last], num_heads=_NUM_HEADS)
        if not normed:
            _transformer(parts[self._last]).norm_out = nn.Identity()
        return nn.ModuleDict(parts)

    def _first_layers(self) -> list[FirstLayer]:
        names = [band.name for band in self.raster.used]
        return [
            FirstLayer(f"{name}.linear_input.weight", _SENSORS[name], tuple(names[i] for i in channels), _PATCH**2)
            for name, channels in self._channels.items()
        ]


def distance_bias(grid: tuple[int, int], device: torch.device | None = None) -> Tensor:
    """Return what attention loses with distance (https://arxiv.org/abs/2108.12409, in two dimensions).

    Args:
        grid: Rows and columns of cells.
        device: Where the result lies.

    Returns:
        (1, heads, cells, cells): 0 from a cell to itself, and less the farther apart two cells are.
    """
    rows, columns = (torch.arange(size, device=device, dtype=torch.float32) for size in grid)
    places = torch.stack([rows.unsqueeze(1).expand(grid), columns.expand(grid)], dim=-1).flatten(0, 1)
    distances = (places.unsqueeze(0) - places.unsqueeze(1)).square().sum(-1).sqrt()
    heads = torch.arange(1, _NUM_HEADS + 1, device=device, dtype=torch.float32)
    slopes = torch.exp2(-8 / _NUM_HEADS * heads)
    return -(slopes[:, None, None] * distances).unsqueeze(0)


def _run(transformer: nn.Module, tokens: Tensor, bias: Tensor, context: Tensor | None = None) -> list[Tensor]:
    """Return the tokens behind each block, those of the last one normalised."""
    states = []
    for attention, *cross, mlp in cast("Iterable[Sequence[nn.Module]]", transformer.layers):
        tokens = attention(tokens, bias) + tokens
        for part in cross:
            tokens = part(tokens, context, bias) + tokens
        tokens = mlp(tokens) + tokens
        states.append(tokens)
    norm = cast("nn.Module", transformer.norm_out)
    return [*states[:-1], norm(states[-1])]


def _transformer(network: nn.Module) -> nn.Module:
    inner: nn.Module = network.transformer if isinstance(network, ViT) else network
    return inner


def _unused(network: nn.ModuleDict) -> tuple[str, ...]:
    """Return how names begin of networks that the rasters do not need, and of those that only serve whole images."""
    parts = ("s1_encoder", "s2_encoder", "joint_encoder")
    return ("s1_GAP_FFN.", "s2_GAP_FFN.", *(f"{name}." for name in parts if name not in network))

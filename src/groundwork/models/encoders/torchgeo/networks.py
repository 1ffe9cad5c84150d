"""TorchGeo's networks without a file of their own here, as feature extractors: ResNet, ViT, Swin, U-Net, EarthLoc."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import torch
import torchvision
from torch import Tensor, nn
from torchgeo.models import get_model
from torchvision.models import WeightsEnum
from torchvision.ops import StochasticDepth

from groundwork.errors import ComponentError
from groundwork.models.encoders.parts.feature_network import FeatureNetwork
from groundwork.models.encoders.parts.tokens import block_indices
from groundwork.models.encoders.parts.unused_parameters import freeze_unused
from groundwork.models.encoders.smp.stages import SMPStages, read_stages
from groundwork.models.encoders.timm.networks import is_channels_last, read_levels
from groundwork.models.without_memory import without_memory
from groundwork.specs import FeatureLevel, RasterSpec

_DEPTHS = {"small": 12, "base": 12, "large": 24, "huge": 32}
_SWIN_STRIDES = (4, 8, 16, 32)


@dataclass(frozen=True, slots=True)
class Request:
    """What a network is built for."""

    #: TorchGeo's builder, such as ``resnet50``.
    builder: str
    entry: WeightsEnum
    source: str
    raster: RasterSpec
    out_indices: tuple[int, ...] | None
    drop_path: float

    @property
    def num_channels(self) -> int:
        """Over all dates."""
        return self.raster.num_channels * self.raster.steps

    def wrap(self, network: nn.Module, levels: tuple[FeatureLevel, ...], channels_last: bool = False) -> FeatureNetwork:
        """Return a network as an encoder."""
        return FeatureNetwork({self.source: self.raster}, network, levels, channels_last)


@dataclass(frozen=True, slots=True)
class Built:
    """A network, and how the names in its published file relate to its own."""

    encoder: FeatureNetwork
    #: Name of the weights of the first layer.
    first: str
    #: How names begin in the file that the network has no use for.
    unused: tuple[str, ...]
    #: From a name in the file to the network's.
    rename: Callable[[str], str] = str
    patch_size: int | None = None


def build_resnet(request: Request) -> Built:
    """Build a ResNet: strides 2 to 32."""
    indices = block_indices(request.out_indices, 5)
    network = _build_timm(request, request.builder, indices)
    return Built(_wrap_timm(request, network), "conv1.weight", ("fc.", "layer"))


def build_earthloc(request: Request) -> Built:
    """Build the ResNet inside EarthLoc (https://arxiv.org/abs/2403.06758), which lacks the last stage."""
    indices = block_indices(request.out_indices, 4)
    network = _build_timm(request, request.entry.meta["encoder"], indices)
    # The ResNet lies one level down in the file, beside what describes a whole image.
    unused = ("mix.", "channel_proj.", "row_proj.", "weight", "bias", "layer")
    return Built(_wrap_timm(request, network), "conv1.weight", unused, lambda name: name.partition(".")[2])


def build_vit(request: Request) -> Built:
    """Build a plain vision transformer: one level per block."""
    indices = block_indices(request.out_indices, _DEPTHS[request.builder.split("_")[1]])
    network = _build_timm(request, request.builder, indices, image_size=request.entry.meta.get("img_size"))
    encoder = _wrap_timm(request, network)
    unused = tuple(f"model.{part}." for part in ("norm", "head", "fc_norm", "blocks"))
    stride = int(encoder.out.levels[0].stride)
    return Built(encoder, "model.patch_embed.proj.weight", unused, lambda name: f"model.{name}", stride)


def build_swin(request: Request) -> Built:
    """Build a Swin transformer of either version: strides 4 to 32."""
    indices = block_indices(request.out_indices, len(_SWIN_STRIDES))
    window = request.entry.meta.get("window_size", 7)
    if request.builder == "swin_b" and window != 7:
        # TorchGeo builds other windows only together with downloaded weights.
        network = torchvision.models.SwinTransformer(
            [4, 4], 128, depths=[2, 2, 18, 2], num_heads=[4, 8, 16, 32], window_size=[window, window]
        )
    else:
        network = get_model(request.builder)
    stages = SwinStages(network.features, indices, request.num_channels, request.drop_path)
    levels = tuple(FeatureLevel(stages.width << index, _SWIN_STRIDES[index]) for index in indices)
    return Built(
        request.wrap(stages, levels, channels_last=True), "features.0.0.weight", ("norm.", "head.", "features.")
    )


def build_unet(request: Request) -> Built:
    """Build the contracting path of a U-Net: strides 2 to 32."""
    _refuse_drop_path(request)
    stages = _build_unet_stages(request)
    with without_memory():
        probe = _build_unet_stages(request)
    freeze_unused(stages, probe, request.num_channels, 128)
    encoder = request.wrap(stages, read_stages(stages))
    return Built(encoder, _first_convolution(stages), ("decoder.", "segmentation_head."))


class SwinStages(nn.Module):
    """The stages of torchvision's Swin transformers, with what each of them gives.

    Args:
        features: Patches, then by turns a stage and the merging of its cells.
        indices: Stages that pass their maps on.
        num_channels: Of the image.
        drop_path: Rate of stochastic depth at the last block; it grows from 0 at the first.
    """

    def __init__(self, features: nn.Sequential, indices: tuple[int, ...], num_channels: int, drop_path: float) -> None:
        super().__init__()
        first = cast("nn.Sequential", features[0])
        patches = cast("nn.Conv2d", first[0])
        self.width = patches.out_channels
        if num_channels != patches.in_channels:
            first[0] = nn.Conv2d(num_channels, self.width, kernel_size=4, stride=4)
        self.features = features[: 2 * indices[-1] + 2]
        self._taps = tuple(2 * index + 1 for index in indices)
        drops = [module for module in features.modules() if isinstance(module, StochasticDepth)]
        for index, drop in enumerate(drops):
            drop.p = drop_path * index / (len(drops) - 1)

    def forward(self, image: Tensor) -> list[Tensor]:
        """Give one map (batch, height / stride, width / stride, channels) per stage."""
        maps = []
        for index, part in enumerate(self.features):
            image = part(image)
            if index in self._taps:
                maps.append(image)
        return maps


def _build_timm(request: Request, builder: str, indices: tuple[int, ...], image_size: int | None = None) -> nn.Module:
    # timm's networks refuse options they do not know, also where the value changes nothing.
    asked = {"drop_path_rate": request.drop_path or None, "img_size": image_size}
    any_size = {"dynamic_img_size": True} if builder.startswith("vit") else {}
    network: nn.Module = get_model(
        builder, features_only=True, in_chans=request.num_channels, out_indices=indices, **asked, **any_size
    )
    return network


def _build_unet_stages(request: Request) -> SMPStages:
    unet = get_model(
        "unet", encoder_name=request.entry.meta["encoder"], encoder_weights=None, in_channels=request.num_channels
    )
    # Some of its layers are made where no default device is looked at.
    contracting = unet.encoder.to(torch.get_default_device())
    indices = block_indices(request.out_indices, len(contracting.out_channels) - 1)
    return SMPStages(contracting, [index + 1 for index in indices])


def _wrap_timm(request: Request, network: nn.Module) -> FeatureNetwork:
    return request.wrap(network, read_levels(network), is_channels_last(network))


def _refuse_drop_path(request: Request) -> None:
    if request.drop_path:
        raise ComponentError(f"'{request.entry}' has no stochastic depth. Leave 'drop_path' out")


def _first_convolution(network: nn.Module) -> str:
    return next(f"{name}.weight" for name, module in network.named_modules() if isinstance(module, nn.Conv2d))

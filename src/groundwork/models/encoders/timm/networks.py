"""Build networks of timm as feature extractors, and find out which sizes of image they take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from math import lcm
from typing import Any, cast

import timm
import torch
from timm.models import FeatureInfo
from torch import Tensor, nn

from groundwork.errors import ComponentError
from groundwork.models.encoders.parts.tokens import block_indices
from groundwork.models.encoders.parts.unused_parameters import find_unused
from groundwork.models.features.strides import USUAL_LEVELS, spread
from groundwork.models.without_memory import without_memory
from groundwork.specs import FeatureLevel
from groundwork.strict import did_you_mean

#: How timm's families are told to accept any image size; most need no telling.
ANY_SIZE: tuple[dict[str, bool], ...] = ({"dynamic_img_size": True}, {"strict_img_size": False}, {})
#: Networks with windows need a size that these divide, times the coarsest stride.
_WINDOWS = (1, 2, 4, 8)


@dataclass(frozen=True, slots=True)
class NetworkOptions:
    """What is asked of a network of timm."""

    model: str
    num_channels: int
    out_indices: tuple[int, ...] | None = None
    drop_path: float = 0.0
    image_size: int | None = None


@dataclass(frozen=True, slots=True)
class Sizes:
    """Which images a network takes."""

    #: Height and width must be multiples of this.
    multiple: int
    #: Whether the only size is ``multiple`` itself.
    is_fixed: bool = False


@dataclass(frozen=True, slots=True)
class Probed:
    """What was found out about a network that nobody trains."""

    #: What was asked, with the levels that are passed on written out.
    options: NetworkOptions
    sizes: Sizes
    #: Names of the parameters that nothing it gives depends on.
    unused: tuple[str, ...]


@lru_cache(maxsize=512)
def probe_network(asked: NetworkOptions) -> Probed:
    """Find out what a network is like. Models are built again and again, and networks do not change meanwhile.

    Raises:
        ComponentError: As of :func:`settle_levels` and :func:`find_sizes`.
    """
    # What is found must not follow from whether the first model that asks is built for prediction.
    with torch.inference_mode(False):
        options, probe = settle_levels(asked)
        sizes = find_sizes(probe, options)
        side = sizes.multiple * (1 if sizes.is_fixed else 2)
        return Probed(options, sizes, find_unused(probe, options.num_channels, side))


def settle_levels(options: NetworkOptions) -> tuple[NetworkOptions, nn.Module]:
    """Return the options with the levels that are passed on written out, and the network on the meta device.

    Of a plain vision transformer, which has one stride, four blocks at even distances are passed on unless some are
    named, the last among them; of other networks those that timm passes on.

    Raises:
        ComponentError: For levels that do not exist, or not from first to last; see :func:`create_network` for more.
    """
    with without_memory():
        network = create_network(replace(options, out_indices=None))
        strides = [entry["reduction"] for entry in cast("FeatureInfo", network.feature_info).info]
        indices = options.out_indices
        if indices is not None:
            indices = block_indices(indices, len(strides))
        elif len(set(strides)) == 1 and len(strides) > USUAL_LEVELS:
            indices = spread(len(strides), USUAL_LEVELS)
        settled = replace(options, out_indices=indices)
        return settled, network if indices is None else create_network(settled)


def create_network(
    options: NetworkOptions, weights: dict[str, Tensor] | None = None, *, pretrained: bool = False
) -> nn.Module:
    """Build a network that gives a list of feature maps.

    Args:
        options: What is asked.
        weights: Instead of those that timm would download.
        pretrained: Whether to load weights.

    Raises:
        ComponentError: For a name that timm does not know, or an option that this network does not take.
        RuntimeError: For ``weights`` of another network.
    """
    if not timm.is_model(options.model):
        known = did_you_mean(options.model.partition(".")[0], timm.list_models())
        raise ComponentError(f"timm has no model '{options.model}'.{known} List them with timm.list_models()")
    for any_size in ANY_SIZE:
        try:
            return _create(options, weights, pretrained, any_size)
        except TypeError as error:
            if not any(key in str(error) for key in any_size):
                raise ComponentError(f"timm's '{options.model}' does not take these options: {error}") from error
        except (AssertionError, IndexError, ValueError) as error:
            raise ComponentError(
                f"timm's '{options.model}' cannot give levels {options.out_indices}: {error}"
            ) from error
        except RuntimeError as error:
            if pretrained:
                raise
            raise ComponentError(f"timm cannot build '{options.model}' as a feature extractor: {error}") from error
    raise ComponentError(f"timm cannot build '{options.model}'")


def _create(
    options: NetworkOptions, weights: dict[str, Tensor] | None, pretrained: bool, any_size: dict[str, bool]
) -> nn.Module:
    # timm's networks refuse options they do not know, also where the value changes nothing.
    asked = {
        "out_indices": options.out_indices,
        "drop_path_rate": options.drop_path or None,
        "img_size": options.image_size,
        "pretrained_cfg_overlay": {"state_dict": weights, "source": None} if weights else None,
    }
    network: nn.Module = timm.create_model(
        options.model, pretrained, features_only=True, in_chans=options.num_channels, **asked, **any_size
    )
    return network


def read_cfg(network: nn.Module) -> Mapping[str, Any]:
    """Return what timm says of a network's published weights."""
    return cast("Mapping[str, Any]", network.pretrained_cfg)


def read_levels(network: nn.Module) -> tuple[FeatureLevel, ...]:
    """Return the channels and strides that timm states."""
    info = cast("FeatureInfo", network.feature_info)
    levels = zip(info.channels(), info.reduction(), strict=True)
    return tuple(FeatureLevel(channels, stride) for channels, stride in levels)


def is_channels_last(network: nn.Module) -> bool:
    """Return whether the maps come as (batch, height, width, channels)."""
    return str(getattr(network, "output_fmt", "NCHW")).endswith("NHWC")


def find_sizes(probe: nn.Module, options: NetworkOptions) -> Sizes:
    """Return which images a network takes, found by trying on the meta device: timm does not state it reliably.

    Args:
        probe: The network, built on the meta device.
        options: What it was built with.

    Raises:
        ComponentError: For a network whose maps do not cover images evenly.
    """
    probe.eval()
    stride = lcm(*(int(level.stride) for level in read_levels(probe)))
    for window in _WINDOWS:
        step = stride * window
        if _covers(probe, options.num_channels, (2 * step, 3 * step)):
            return Sizes(step)
    native = options.image_size or read_cfg(probe)["input_size"][-1]
    if native % stride == 0 and _covers(probe, options.num_channels, (native, native)):
        return Sizes(native, is_fixed=True)
    raise ComponentError(
        f"The maps of timm's '{options.model}' do not cover an image evenly, so they cannot be brought back to its "
        "pixels. Take another network"
    )


def _covers(probe: nn.Module, num_channels: int, size: tuple[int, int]) -> bool:
    image = torch.empty(1, num_channels, *size, device="meta")
    try:
        with torch.no_grad():
            maps = probe(image)
    except (RuntimeError, AssertionError, ValueError, TypeError, IndexError):
        return False
    return _shapes(maps, is_channels_last(probe)) == [
        (level.channels, size[0] // level.stride, size[1] // level.stride) for level in read_levels(probe)
    ]


def _shapes(maps: Sequence[Tensor], channels_last: bool) -> list[tuple[int, int, int]]:
    ordered = [features.movedim(-1, 1) if channels_last else features for features in maps]
    return [(features.shape[1], features.shape[2], features.shape[3]) for features in ordered]

"""Which levels a network of timm has, and which of them it passes on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from timm.models import FeatureInfo

from groundwork.models.encoders.timm.networks import NetworkOptions, create_network, read_levels
from groundwork.models.without_memory import without_memory
from groundwork.specs import FeatureLevel


@dataclass(frozen=True, slots=True)
class PassedLevels:
    """The levels that a network passes on."""

    indices: tuple[int, ...]
    levels: tuple[FeatureLevel, ...]
    #: How many it has.
    count: int


def find_levels(model: str, out_indices: tuple[int, ...] | None = None) -> PassedLevels:
    """Return the levels that a network passes on, without building its weights.

    Args:
        model: As timm calls it.
        out_indices: Those that are asked for. None: those that timm takes unasked.

    Raises:
        ComponentError: For a network or levels that timm does not have.
    """
    with without_memory():
        network = create_network(NetworkOptions(model, num_channels=3, out_indices=out_indices))
    info = cast("FeatureInfo", network.feature_info)
    return PassedLevels(tuple(info.out_indices), read_levels(network), len(info.info))

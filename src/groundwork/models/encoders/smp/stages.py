"""Build encoders of segmentation_models_pytorch, and tell their levels from what else they give."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from segmentation_models_pytorch.encoders import encoders, get_encoder
from torch import Tensor, nn

from groundwork.errors import ComponentError
from groundwork.specs import FeatureLevel
from groundwork.strict import did_you_mean

_TIMM = "tu-"


class SMPStages(nn.Module):
    """Passes on some of what an encoder gives, whose first entry is the image itself.

    Args:
        encoder: Of segmentation_models_pytorch.
        indices: Entries that are passed on.
    """

    def __init__(self, encoder: nn.Module, indices: Sequence[int]) -> None:
        super().__init__()
        self.encoder = encoder
        self.indices = tuple(indices)

    def forward(self, image: Tensor) -> list[Tensor]:
        """Give one map (batch, channels, height / stride, width / stride) per entry."""
        entries = self.encoder(image)
        return [entries[index] for index in self.indices]


def build_stages(model: str, num_channels: int, depth: int) -> SMPStages:
    """Build an encoder that gives all its levels.

    Raises:
        ComponentError: For a name that smp does not know, or a depth that this encoder does not have.
    """
    if model not in encoders and not model.startswith(_TIMM):
        raise ComponentError(
            f"segmentation_models_pytorch has no encoder '{model}'.{did_you_mean(model, list(encoders))} "
            "It has those of segmentation_models_pytorch.encoders.get_encoder_names(), and timm's as 'tu-...'"
        )
    target = torch.get_default_device()
    try:
        # The constructor of Mix Transformers reads values, which the meta device has none of.
        with torch.device("cpu" if model.startswith("mit_") else target):
            encoder = get_encoder(model, in_channels=num_channels, depth=depth, weights=None)
    except (RuntimeError, ValueError, TypeError, KeyError, AssertionError) as error:
        raise ComponentError(
            f"segmentation_models_pytorch cannot build '{model}' with depth {depth}: {error}"
        ) from error
    # Some of its layers are made where no default device is looked at.
    encoder = encoder.to(target)
    channels = list(encoder.out_channels)
    return SMPStages(encoder, [index for index in range(1, len(channels)) if channels[index]])


def read_stages(stages: SMPStages) -> tuple[FeatureLevel, ...]:
    """Return the levels: the stride doubles from each entry of the encoder to the next."""
    channels = cast("Sequence[int]", stages.encoder.out_channels)
    return tuple(FeatureLevel(channels[index], 1 << index) for index in stages.indices)

"""Find the parameters of a network that nothing it gives depends on."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


def freeze_unused(network: nn.Module, probe: nn.Module, num_channels: int, size: int) -> None:
    """Freeze the parameters that get no gradient: training on several devices would wait for it in vain.

    Args:
        network: What is frozen in part.
        probe: The same network on the meta device, where this costs no memory; it gives a list of maps.
        num_channels: Of the images that ``probe`` takes.
        size: Height and width of an image that ``probe`` takes, in pixels.
    """
    if torch.is_inference_mode_enabled():
        # Parameters that are made here can never be trained.
        return
    parameters = {name: value for name, value in probe.named_parameters() if value.requires_grad}
    # Models are also built where gradients are switched off, for prediction.
    with torch.enable_grad():
        maps: list[Tensor] = probe.eval()(torch.empty(1, num_channels, size, size, device="meta"))
        total = torch.stack([features.sum() for features in maps]).sum()
        gradients: Sequence[Tensor | None] = torch.autograd.grad(total, list(parameters.values()), allow_unused=True)
    for name, gradient in zip(parameters, gradients, strict=True):
        if gradient is None:
            network.get_parameter(name).requires_grad_(False)

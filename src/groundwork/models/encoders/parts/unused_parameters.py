"""Find the parameters of a network that nothing it gives depends on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn


def freeze_unused(network: nn.Module, probe: nn.Module, num_channels: int, size: int) -> None:
    """Freeze the parameters that get no gradient: training on several devices would wait for it in vain.

    Args:
        network: What is frozen in part.
        probe: As of :func:`find_unused`.
        num_channels: As of :func:`find_unused`.
        size: As of :func:`find_unused`.
    """
    if not torch.is_inference_mode_enabled():
        freeze_named(network, find_unused(probe, num_channels, size))


def freeze_named(network: nn.Module, names: Iterable[str]) -> None:
    """Freeze parameters. Those made where gradients are ruled out can never be trained, and stay as they are."""
    for name in () if torch.is_inference_mode_enabled() else names:
        network.get_parameter(name).requires_grad_(False)


def find_unused(probe: nn.Module, num_channels: int, size: int) -> tuple[str, ...]:
    """Return the names of the parameters that get no gradient.

    Args:
        probe: The network on the meta device, where this costs no memory; it gives a list of maps.
        num_channels: Of the images that ``probe`` takes.
        size: Height and width of an image that ``probe`` takes, in pixels.
    """
    parameters = {name: value for name, value in probe.named_parameters() if value.requires_grad}
    # Models are also built where gradients are switched off, for prediction.
    with torch.enable_grad():
        maps: list[Tensor] = probe.eval()(torch.empty(1, num_channels, size, size, device="meta"))
        total = torch.stack([features.sum() for features in maps]).sum()
        gradients: Sequence[Tensor | None] = torch.autograd.grad(total, list(parameters.values()), allow_unused=True)
    return tuple(name for name, gradient in zip(parameters, gradients, strict=True) if gradient is None)

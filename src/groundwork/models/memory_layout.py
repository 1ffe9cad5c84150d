"""How weights lie in memory."""

from __future__ import annotations

import torch
from torch import nn


def lay_channels_last(network: nn.Module) -> None:
    """Lay weights of convolutions over height and width channel by channel; all others stay as they are.

    ``Module.to(memory_format=...)`` fails for those over time, which have one axis more.
    """
    for parameter in network.parameters():
        if parameter.dim() == 4:
            parameter.data = parameter.data.to(memory_format=torch.channels_last)

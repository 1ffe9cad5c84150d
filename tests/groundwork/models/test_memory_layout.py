"""How weights lie in memory."""

from __future__ import annotations

import torch
from torch import nn

from groundwork.models.memory_layout import lay_channels_last


def test_convolutions_over_space_lie_channel_by_channel_and_others_as_they_are() -> None:
    over_space, over_time, linear = nn.Conv2d(3, 4, 3), nn.Conv3d(3, 4, (1, 2, 2)), nn.Linear(3, 4)
    before = over_space.weight.detach().clone()
    lay_channels_last(nn.Sequential(over_space, over_time, linear))
    assert over_space.weight.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(over_space.weight, before)
    assert over_time.weight.is_contiguous()
    assert linear.weight.is_contiguous()

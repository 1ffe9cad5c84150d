"""From raw raster values to values around zero."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from groundwork.models.features.exact_buffers import ExactBuffers


class Standardise(ExactBuffers):
    """Subtracts each channel's mean and divides by its standard deviation, both in raw raster units.

    The statistics are buffers: they travel with the weights. Until they are set, values pass unchanged.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, num_channels: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(num_channels, dtype=torch.float32))
        self.register_buffer("std", torch.ones(num_channels, dtype=torch.float32))

    def set_statistics(self, mean: Sequence[float], std: Sequence[float]) -> None:
        """Set the statistics of the training data, one value per channel in the order of the model's bands.

        Raises:
            ValueError: For another number of values than channels, for a value that is not finite, and for a
                standard deviation that is not above zero; it names the channel's index.
        """
        for name, values in (("mean", mean), ("std", std)):
            if len(values) != len(self.mean):
                raise ValueError(f"'{name}' has {len(values)} values, but the model has {len(self.mean)} channels")
            for index, value in enumerate(values):
                if not math.isfinite(value):
                    raise ValueError(f"'{name}' of channel {index} is {value}; it must be finite")
        for index, value in enumerate(std):
            if value <= 0:
                raise ValueError(
                    f"'std' of channel {index} is {value}; it must be above 0. "
                    "A band that never changes tells the model nothing: leave it out of 'use'"
                )
        self.mean.copy_(torch.tensor(mean, dtype=torch.float32))
        self.std.copy_(torch.tensor(std, dtype=torch.float32))

    def forward(self, image: Tensor, valid: Tensor | None = None) -> Tensor:
        """Give standardised float32 values, and exactly 0, the mean, where there is no data.

        Args:
            image: Raw values of any type, (batch, channels, height, width) or
                (batch, channels, steps, height, width).
            valid: (batch, height, width), or (batch, steps, height, width), true where the image holds data. None:
                everywhere.
        """
        per_channel = (-1, *(1,) * (image.dim() - 2))
        standardised = (image.to(torch.float32) - self.mean.reshape(per_channel)) / self.std.reshape(per_channel)
        if valid is None:
            return standardised
        while valid.dim() < image.dim():
            valid = valid.unsqueeze(1)
        # Selecting, not multiplying: 0 * NaN is NaN, and raw values without data may be NaN or infinite.
        return torch.where(valid, standardised, 0.0)


def in_precision_of(network: nn.Module, image: Tensor) -> Tensor:
    """Return standardised values in the precision of a network's weights."""
    return image.to(next((parameter.dtype for parameter in network.parameters()), image.dtype))

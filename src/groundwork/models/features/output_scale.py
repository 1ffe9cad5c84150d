"""Numbers as networks learn them best, around 0 and of deviation 1, against numbers in their unit."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor

from groundwork.models.features.exact_buffers import ExactBuffers


class OutputScale(ExactBuffers):
    """Brings what a network gives into the units of the outputs: ``mean + std * value``, both kept with the weights.

    Until :meth:`set_statistics` is called values pass as they are. What is given is in single precision, whatever the
    network computes in: in bfloat16, heights above 2048 m would be 16 m apart.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, num_outputs: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(num_outputs))
        self.register_buffer("std", torch.ones(num_outputs))

    @property
    def is_set(self) -> bool:
        """Whether it does more than to let values pass."""
        return bool((self.mean != 0).any() or (self.std != 1).any())

    def set_statistics(self, mean: Sequence[float], std: Sequence[float]) -> None:
        """Set mean and deviation of each output.

        Raises:
            ValueError: For another number of outputs, or a deviation that is not positive.
        """
        if not len(mean) == len(std) == len(self.mean) or not all(value > 0 for value in std):
            raise ValueError(
                f"Means and positive deviations of {len(self.mean)} outputs are needed, found {mean}, {std}"
            )
        self.mean.copy_(torch.tensor(mean))
        self.std.copy_(torch.tensor(std))

    def forward(self, values: Tensor) -> Tensor:
        """Give (batch, outputs, ...) in the units of the outputs."""
        shape = (-1, *(1,) * (values.dim() - 2))
        scaled: Tensor = values * self.std.reshape(shape) + self.mean.reshape(shape)
        return scaled


class Starting(ABC):
    """What can begin at the means of the outputs where its scale alone does not let it."""

    @abstractmethod
    def start_at(self, mean: Sequence[float]) -> None:
        """Let weights that never saw a label answer with the mean of each output; done before statistics are set."""

"""Keep outputs within declared limits."""

from __future__ import annotations

from typing import TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional

from groundwork.errors import ComponentError

#: Lowest and highest value of an output, in its unit. None: no limit on that side.
Range: TypeAlias = tuple[float | None, float | None]


class OutputRanges(nn.Module):
    """Brings raw outputs into their ranges, smoothly, so that gradients pass.

    Between two limits by a scaled sigmoid, above one by softplus, below one by softplus turned round; outputs without
    limits pass as they are.

    Args:
        name: The head, as in YAML.
        ranges: One range for all outputs, or one per output. Empty: no limits.
        num_outputs: Number of outputs.

    Raises:
        ComponentError: For another number of ranges, or one whose lowest value is not below its highest.
    """

    def __init__(self, name: str, ranges: tuple[Range, ...], num_outputs: int) -> None:
        super().__init__()
        if len(ranges) not in {0, 1, num_outputs}:
            raise ComponentError(
                f"'{name}' needs one range for all outputs or one for each of {num_outputs}, got {len(ranges)}: "
                f"{[list(limits) for limits in ranges]}"
            )
        for low, high in ranges:
            if low is not None and high is not None and low >= high:
                raise ComponentError(f"'{name}' needs ranges from low to high, got [{low}, {high}]. Turn it round")
        # Plain numbers: what is no tensor needs no place in the weights.
        self.ranges = ranges

    def forward(self, outputs: Tensor) -> Tensor:
        """Give outputs (batch, outputs, ...) within their ranges."""
        if len(self.ranges) < 2:
            return _limit(outputs, self.ranges[0]) if self.ranges else outputs
        limited = [_limit(outputs[:, index : index + 1], limits) for index, limits in enumerate(self.ranges)]
        return torch.cat(limited, dim=1)


def _limit(outputs: Tensor, limits: Range) -> Tensor:
    low, high = limits
    if low is not None and high is not None:
        return low + (high - low) * torch.sigmoid(outputs)
    if low is not None:
        return low + functional.softplus(outputs)
    return outputs if high is None else high - functional.softplus(-outputs)

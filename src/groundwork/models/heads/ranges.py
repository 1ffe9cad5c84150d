"""Keep outputs within declared limits."""

from __future__ import annotations

from collections.abc import Sequence
from math import log
from typing import Literal, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional

from groundwork.errors import ComponentError
from groundwork.models.features.output_scale import OutputScale

#: Lowest and highest value of an output, in its unit. None: no limit on that side.
Range: TypeAlias = tuple[float | None, float | None]
#: How outputs are kept within their range: smoothly, or cut off at its ends.
Limit: TypeAlias = Literal["smooth", "cut"]
#: So far from its limits, as a share of the range, a mean is taken to lie at least: at them a sigmoid learns nothing.
LEAST_SHARE = 0.005


class OutputRanges(nn.Module):
    """Brings raw outputs into their ranges: smoothly, so that gradients pass, or cut off, as a ReLU does at 0.

    Smoothly is: between two limits by a scaled sigmoid, above one by softplus, below one by softplus turned round. All
    but the first are in the units of the outputs before, once their statistics are set (see :class:`OutputScale`); that
    one begins where :meth:`start` lets it.

    Args:
        name: The head, as in YAML.
        ranges: One range for all outputs, or one per output. Empty: no limits.
        num_outputs: Number of outputs.
        limit: How.

    Raises:
        ComponentError: For another number of ranges, or one whose lowest value is not below its highest.
    """

    def __init__(self, name: str, ranges: tuple[Range, ...], num_outputs: int, limit: Limit = "smooth") -> None:
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
        self.ranges, self.limit = ranges, limit
        self.scale = OutputScale(num_outputs)

    def start(self, bias: Tensor, mean: Sequence[float]) -> None:
        """Shift what is added to raw outputs so that a sigmoid begins at the mean of each, and not in the middle.

        Where statistics were set before, the weights have learnt from labels, and stay.

        Args:
            bias: Of the raw outputs, (outputs,); changed in place.
            mean: Of each output, in its unit.
        """
        if self.limit == "cut" or self.scale.is_set:
            return
        ranges = self.ranges * len(mean) if len(self.ranges) == 1 else self.ranges
        for index, (low, high) in enumerate(ranges):
            if low is not None and high is not None:
                share = min(max((mean[index] - low) / (high - low), LEAST_SHARE), 1 - LEAST_SHARE)
                bias.data[index] += log(share / (1 - share))

    def forward(self, outputs: Tensor) -> Tensor:
        """Give outputs (batch, outputs, ...) within their ranges."""
        scaled: Tensor = self.scale(outputs)
        if not self.ranges:
            return scaled
        if len(self.ranges) == 1:
            return self._limit(outputs, scaled, slice(None), self.ranges[0])
        parts = [slice(index, index + 1) for index in range(len(self.ranges))]
        pairs = zip(parts, self.ranges, strict=True)
        return torch.cat([self._limit(outputs, scaled, part, limits) for part, limits in pairs], dim=1)

    def _limit(self, outputs: Tensor, scaled: Tensor, part: slice, limits: Range) -> Tensor:
        low, high = limits
        if self.limit == "cut" and (low is not None or high is not None):
            return scaled[:, part].clamp(low, high)
        if low is not None and high is not None:
            # In half precision, what lies near the upper limit would be told apart in 256 steps of the range alone.
            return low + (high - low) * torch.sigmoid(outputs[:, part].float())
        if low is None and high is None:
            return scaled[:, part]
        # Further from the limit than a deviation, softplus leaves a number nearly as it is.
        std = self.scale.std[part].reshape(-1, *(1,) * (outputs.dim() - 2))
        if low is not None:
            return low + std * functional.softplus((scaled[:, part] - low) / std)
        high = float(high or 0)
        return high - std * functional.softplus((high - scaled[:, part]) / std)

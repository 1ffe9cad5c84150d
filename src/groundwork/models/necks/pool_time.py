"""Make one map of those of several time steps."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import torch
from torch import Tensor, nn

from groundwork.errors import SpecError
from groundwork.models.necks.base import Neck
from groundwork.models.necks.steps import split_steps
from groundwork.specs import FeatureSpec


class PoolTimeNeck(Neck):
    """Merges the time steps of every level that has several; levels of one step pass as they are.

    Args:
        features: Levels of which at least one has several time steps; of one source or of several.
        pooling: The mean, maximum or minimum over the steps; the ``last`` step; ``difference``, the last step minus
            the first, or ``first_less_last``, the same with the other sign; or ``attention``, a mean whose
            weights are learned for each cell (https://arxiv.org/abs/1802.04712).

    Raises:
        SpecError: Where no level has several time steps.
    """

    def __init__(
        self,
        features: FeatureSpec,
        *,
        pooling: Literal["mean", "max", "min", "last", "difference", "first_less_last", "attention"] = "mean",
    ) -> None:
        super().__init__()
        if all(level.steps == 1 for level in features.levels):
            raise SpecError(
                f"'pool_time' needs levels of several time steps, got {features}. Leave the neck out, or take rasters "
                "with several steps and an encoder that keeps them apart ('prithvi_vit')"
            )
        self.levels = nn.ModuleList(
            _build_pool(pooling, level.channels // level.steps, level.steps) for level in features.levels
        )
        self.out = FeatureSpec(
            tuple(replace(level, channels=level.channels // level.steps, steps=1) for level in features.levels)
        )

    def forward(self, features: list[Tensor]) -> list[Tensor]:
        """Give one map (batch, channels / steps, height / stride, width / stride) per level. See :class:`Neck`."""
        return [pool(feature) for pool, feature in zip(self.levels, features, strict=True)]


class StepPool(nn.Module):
    """Merges the time steps that lie behind one another in the channels of a map, without anything to train."""

    def __init__(self, pooling: str, steps: int) -> None:
        super().__init__()
        self.pooling = pooling
        self.steps = steps

    def forward(self, features: Tensor) -> Tensor:
        """Give (batch, channels, height, width) for (batch, steps * channels, height, width)."""
        steps = split_steps(features, self.steps)
        if self.pooling == "mean":
            return steps.mean(dim=1)
        if self.pooling == "max":
            return steps.amax(dim=1)
        if self.pooling == "min":
            return steps.amin(dim=1)
        if self.pooling == "last":
            return steps[:, -1]
        change = steps[:, -1] - steps[:, 0]
        return -change if self.pooling == "first_less_last" else change


class StepAttention(nn.Module):
    """Averages the time steps of a map with weights of its own for each cell, which sum to one over the steps."""

    def __init__(self, channels: int, steps: int) -> None:
        super().__init__()
        self.steps = steps
        hidden = max(1, channels // 4)
        self.hide = nn.Conv2d(channels, hidden, kernel_size=1)
        # No bias: what is added to the scores of all steps alike does not change their softmax.
        self.score = nn.Conv2d(hidden, 1, kernel_size=1, bias=False)

    def forward(self, features: Tensor) -> Tensor:
        """Give (batch, channels, height, width) for (batch, steps * channels, height, width)."""
        steps = split_steps(features, self.steps)
        scores = self.score(torch.tanh(self.hide(steps.flatten(0, 1))))
        weights = scores.reshape(-1, self.steps, *scores.shape[1:]).softmax(dim=1)
        pooled: Tensor = (steps * weights).sum(dim=1)
        return pooled


def _build_pool(pooling: str, channels: int, steps: int) -> nn.Module:
    if steps == 1:
        return nn.Identity()
    return StepAttention(channels, steps) if pooling == "attention" else StepPool(pooling, steps)

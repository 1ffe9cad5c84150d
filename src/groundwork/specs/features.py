"""What travels between components."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby, pairwise


@dataclass(frozen=True, slots=True)
class FeatureLevel:
    """One feature map of shape (batch, channels, height / stride, width / stride)."""

    channels: int
    #: Input pixels per feature cell: 1 is full resolution, 16 a ViT patch of 16, 3.5 a quarter of a patch of 14.
    stride: float
    #: Time steps whose maps lie behind one another in the channels: ``channels / steps`` of step 1 first.
    steps: int = 1
    #: The source the map was made from, where several sources have maps of their own.
    source: str | None = None

    def __str__(self) -> str:
        """Return for example ``64ch/8px``, or ``optical:64ch*3t/8px`` for three steps of one of several sources."""
        source = f"{self.source}:" if self.source else ""
        channels = f"{self.channels // self.steps}ch*{self.steps}t" if self.steps > 1 else f"{self.channels}ch"
        return f"{source}{channels}/{self.stride:g}px"


@dataclass(frozen=True, slots=True)
class FeatureSpec:
    """Feature maps passed between components, from the finest to the coarsest."""

    levels: tuple[FeatureLevel, ...]
    #: Channels of a global vector (batch, channels) beside the maps, where the encoder gives one.
    vector: int | None = None

    @property
    def is_pyramid(self) -> bool:
        """Whether the stride doubles from each level to the next."""
        strides = [level.stride for level in self.levels]
        return all(coarse == 2 * fine for fine, coarse in pairwise(strides))

    def __str__(self) -> str:
        """Return for example ``[64ch/4px, 128ch/8px]``, or ``[192ch/16px] + vector of 192``."""
        runs = [(str(level), len(list(run))) for level, run in groupby(self.levels)]
        levels = ", ".join(f"{count} x {level}" if count > 4 else ", ".join([level] * count) for level, count in runs)
        levels = f"[{levels}]"
        return levels if self.vector is None else f"{levels} + vector of {self.vector}"

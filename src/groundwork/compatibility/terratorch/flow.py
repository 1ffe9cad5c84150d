"""What is known of the feature maps that one component passes on to the next, where anything is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Flow:
    """The levels behind a component. None: nobody knows."""

    #: How many levels there are.
    levels: int | None = None
    #: Stride of all of them, in pixels, where they have one.
    stride: int | None = None
    #: Channels of each of them, where all have as many.
    channels: int | None = None
    #: Dates of the images.
    steps: int = 1
    #: Whether the encoder passes tokens on: what selects levels can then be said of the encoder.
    is_transformer: bool = False
    #: How many times the stride of the one before each level has, where that is the same for all of them.
    ratio: int | None = None

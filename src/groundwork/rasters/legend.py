"""What pixel values mean, with a colour for each."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LegendEntry:
    """What a pixel value means."""

    value: int
    name: str
    #: Red, green and blue, each 0 to 255.
    rgb: tuple[int, int, int]

    @property
    def color(self) -> str:
        """The colour as text, such as ``#1f78b4``."""
        return "#" + bytes(self.rgb).hex()

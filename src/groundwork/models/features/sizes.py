"""Which images a network takes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import lcm
from typing import Literal, TypeAlias

#: How images are grown. symmetric: mirrored at the edge, edge pixels twice, evenly on both sides. reflect: mirrored at
#: the last pixel, evenly on both sides. none: not at all.
Padding: TypeAlias = Literal["symmetric", "reflect", "none"]
#: What helps with every encoder that takes images of one size.
REMEDY = (
    "Set the encoder's 'image_size' to the size of the chips, cut chips of at most {} pixels, or take a network for "
    "any size"
)


def is_open(length: object) -> bool:
    """Whether a length of a tensor is open, in an export: it is no plain number then, and to ask for it settles it."""
    return not isinstance(length, int)


@dataclass(frozen=True, slots=True)
class Sizes:
    """Which images a network takes, in pixels. Others are padded, if they are not too large."""

    #: Height and width must be multiples of this.
    multiple: int = 1
    #: Height and width must be at least this.
    least: int = 1
    #: The only height and width. None: there are others.
    only: int | None = None
    #: What to change where an image is larger than the only size, with ``{}`` for it.
    remedy: str = REMEDY
    #: How images are grown.
    padding: Padding = "symmetric"
    #: Height and width of a grown image must be multiples of this: of the patch, where the network has no other cells.
    cell: int = 1

    def require(self, size: tuple[int, int]) -> None:
        """Refuse images that are larger than the only size that a network takes; smaller ones can be padded, if wanted.

        Args:
            size: Height and width of the image, as it was before it was padded where that is known.

        Raises:
            ValueError: With what to change.
        """
        if self.only is None or set(size) == {self.only}:
            return
        said = f"The network takes images of {self.only} x {self.only} pixels only, and was given {size[0]} x {size[1]}"
        if max(size) > self.only:
            raise ValueError(f"{said}. {self.remedy.format(self.only)}")
        if self.padding == "none":
            raise ValueError(f"{said}, which 'padding: none' leaves as they are. Set the model's 'padding: symmetric'")

    def left_as_they_are(self) -> Sizes:
        """Return the same for images that are not grown."""
        return replace(self, multiple=1, least=1, padding="none")

    def require_cells(self, size: tuple[int, int]) -> None:
        """Refuse images that a network would cut into patches with a rest.

        Raises:
            ValueError: With what to change.
        """
        if self.cell > 1 and self.padding != "symmetric" and any(length % self.cell for length in size):
            raise ValueError(
                f"The network sees patches of {self.cell} pixels, which an image of {size[0]} x {size[1]} has no whole "
                "number of. Set the model's 'padding: symmetric', or cut chips and tiles to a multiple"
            )

    def side_from(self, least: int) -> int:
        """Return the only side of images that are taken as they are, or the first of them from ``least`` on."""
        step = lcm(self.multiple, self.cell)
        return self.only or -(-max(least, self.least) // step) * step

    def multiple_for(self, size: tuple[int, int]) -> int:
        """Return what height and width of an image are padded to a multiple of."""
        # A network that needs more than its multiple cannot be asked while sizes are open, as in an export.
        return self.least if self.least > self.multiple and min(size) < self.least else self.multiple

"""What the labels of the training split hold."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from groundwork.errors import DataError
from groundwork.strict import Config


class NumberStatistics(Config):
    """Known numbers of one output, in its unit."""

    count: int
    mean: float
    std: float


class TargetStatistics(Config):
    """What the labels of the training split add up to, as far as it is of use for this kind of answer."""

    #: Class -> number of pixels; of classes of whole images, of images.
    class_pixels: dict[str, int] = Field(default_factory=dict)
    #: Class -> number of pixels, or images, of which it is known whether they are of it, where each class is a question
    #: of its own.
    known_pixels: dict[str, int] = Field(default_factory=dict)
    #: Class -> number of objects.
    class_objects: dict[str, int] = Field(default_factory=dict)
    #: Output -> its numbers.
    numbers: dict[str, NumberStatistics] = Field(default_factory=dict)

    def require(self, names: Sequence[str]) -> None:
        """Refuse statistics of other classes or outputs.

        Raises:
            DataError: With the names that they lack, and those that they have.
        """
        known = {**self.class_pixels, **self.class_objects, **self.numbers}
        lacking = [name for name in names if name not in known]
        if lacking:
            raise DataError(
                f"The statistics of the labels have no {lacking}; they have {list(known)}. Labels were described in "
                "another way when the bundle was trained: take a bundle of the same classes or outputs, or describe "
                "these labels as they were then."
            )

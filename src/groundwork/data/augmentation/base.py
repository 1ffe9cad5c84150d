"""What every random change to training chips is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from groundwork.specs import RasterSpec, TargetSpec


@dataclass(frozen=True, slots=True)
class Described:
    """What is known of chips before any is read."""

    inputs: Mapping[str, RasterSpec]
    target: TargetSpec
    #: Source -> mean and standard deviation of each channel in raw values (channels,).
    mean: Mapping[str, Tensor]
    std: Mapping[str, Tensor]


@dataclass(frozen=True, slots=True)
class Pixels:
    """The chips of a batch, on the device that computes."""

    #: Source -> raw values in single precision (batch, channels[, steps], height, width).
    values: dict[str, Tensor]
    #: Source -> where they hold data (batch[, steps], height, width).
    valid: dict[str, Tensor]
    #: As read; answers of pixels have height and width as their last axes.
    target: Tensor
    #: For each chip its objects by name, as a batch has them. None: the target does not ask for objects.
    objects: tuple[dict[str, Tensor], ...] | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        height, width = next(iter(self.valid.values())).shape[-2:]
        return height, width

    @property
    def has_answers_of_pixels(self) -> bool:
        """Whether the target moves with the image."""
        return self.target.ndim > 2 and tuple(self.target.shape[-2:]) == self.size


class Augmentation(ABC):
    """One random change. Constructors take ``(described: Described, *, options)``."""

    @abstractmethod
    def change(self, pixels: Pixels, random: Sequence[np.random.Generator]) -> Pixels:
        """Return changed chips, each by what its own generator draws; the given tensors are left as they are."""

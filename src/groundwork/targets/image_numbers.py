"""Numbers for each image."""

from __future__ import annotations

from functools import partial
from typing import final

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from groundwork.errors import SpecError
from groundwork.rasters.grid import Grid
from groundwork.specs import TargetSpec
from groundwork.targets.image_answers import ImageAnswers, rounded
from groundwork.targets.label import Label, LabelSource
from groundwork.targets.measures import Measures, require_limits
from groundwork.targets.tabled import TabledNumbers
from groundwork.targets.tabled_windows import open_tabled


@final
class ImageNumbers(Measures, ImageAnswers):
    """Numbers for each image. See :class:`groundwork.targets.measures.Measures`.

    A scene is predicted as a map of the numbers of its tiles, blended where they overlap.
    """

    per = "image"

    @classmethod
    def check(cls, target: TargetSpec) -> None:
        """See :class:`TargetKind`."""
        if not target.outputs or target.per != "image":
            raise SpecError(
                "This task learns numbers for each image: give data.target.outputs, and 'per: image'. Numbers per "
                "pixel are learnt by the task 'pixel_regression'"
            )
        require_limits(target)

    def open_label(self, source: LabelSource, grid: Grid) -> Label:
        """Take the numbers that a table says of a scene, or of each of its windows."""
        return open_tabled(source, grid, partial(TabledNumbers, target=self.target), float("nan"))

    def table(self, activated: NDArray[np.float32]) -> dict[str, NDArray[np.generic]]:
        """Return each number in its unit, and the deviation of each where the target asks for it."""
        names = [*self.target.names]
        names += [f"deviation_{name}" for name in self.target.names] if self.target.deviation else []
        return {name: rounded(activated[:, index]) for index, name in enumerate(names)}

    def asked(self, target: Tensor) -> Tensor:
        """Return the numbers of each image (batch, outputs): the mean over those of its pixels that are known."""
        return target.flatten(2).nanmean(dim=2)

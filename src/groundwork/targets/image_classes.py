"""One class for each image."""

from __future__ import annotations

from functools import partial
from typing import final

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from groundwork.errors import SpecError
from groundwork.rasters.grid import Grid
from groundwork.specs import TargetSpec
from groundwork.targets.classes import Classes
from groundwork.targets.image_answers import ImageAnswers, probability_column, rounded
from groundwork.targets.label import Label, LabelSource
from groundwork.targets.labels import IGNORE
from groundwork.targets.tabled import TabledClass
from groundwork.targets.tabled_windows import open_tabled


@final
class ImageClasses(Classes, ImageAnswers):
    """One class for each image; images are counted. See :class:`groundwork.targets.classes.Classes`.

    A scene is predicted as a map of what its tiles are, blended where they overlap.
    """

    per = "image"
    main_score = "f1"
    watched = "f1"
    top = 3
    headline = ("f1", "overall_accuracy", "balanced_accuracy", "class_f1")

    @classmethod
    def check(cls, target: TargetSpec) -> None:
        """See :class:`TargetKind`."""
        if len(target.classes) < 2 or target.per != "image" or target.multi_label:
            raise SpecError(
                "This task learns one of several classes for each image: give two or more in data.target.classes, and "
                "'per: image'. Several classes at once are learnt by the task 'multi_label', and classes per pixel by "
                "'semantic_segmentation'"
            )

    def open_label(self, source: LabelSource, grid: Grid) -> Label:
        """Take the class that a table says of a scene, or of each of its windows."""
        return open_tabled(source, grid, partial(TabledClass, target=self.target), IGNORE)

    def table(self, activated: NDArray[np.float32]) -> dict[str, NDArray[np.generic]]:
        """Return name, value and probability of the likeliest class, and the probability of each."""
        best, target = activated.argmax(axis=1), self.target
        score = rounded(np.take_along_axis(activated, best[:, None], axis=1)[:, 0])
        chosen = {"class": np.array(target.names)[best], "value": np.array(target.values)[best], "score": score}
        return chosen | {probability_column(name): rounded(activated[:, i]) for i, name in enumerate(target.names)}

    def asked(self, target: Tensor) -> Tensor:
        """Return the class of each image (batch,): of those of its pixels that are known."""
        return target.flatten(1).amax(dim=1)

"""One class for each pixel."""

from __future__ import annotations

from torch import Tensor

from groundwork.errors import SpecError
from groundwork.rasters.grid import Grid
from groundwork.specs import TargetSpec
from groundwork.targets.classes import Classes
from groundwork.targets.label import Label, LabelSource
from groundwork.targets.labels import ClassLabels, ClassValues


class PixelClasses(Classes):
    """One class for each pixel; pixels are counted. See :class:`groundwork.targets.classes.Classes`."""

    per = "pixel"
    main_score = "miou"
    watched = "iou"
    headline = ("miou", "f1", "overall_accuracy", "iou")

    @classmethod
    def check(cls, target: TargetSpec) -> None:
        """See :class:`TargetKind`."""
        if not target.classes or target.per != "pixel":
            raise SpecError(
                "This task learns classes per pixel: give data.target.classes, and 'per: pixel'. Numbers per pixel are "
                "learnt by the task 'pixel_regression', classes of whole images by 'classification'"
            )

    def __init__(self, target: TargetSpec) -> None:
        super().__init__(target)
        self._values = ClassValues(target)

    def open_label(self, source: LabelSource, grid: Grid) -> Label:
        """Open a raster of class values, or features of classes."""
        if self.target.vectors is None:
            return ClassLabels(source.paths[0], self.target, self._values)
        from groundwork.targets.drawn import DrawnClasses  # noqa: PLC0415 - geopandas loads slowly

        return DrawnClasses(source.paths, self.target, grid)

    def asked(self, target: Tensor) -> Tensor:
        """Return the class of each pixel."""
        return target

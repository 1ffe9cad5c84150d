"""Numbers for each pixel."""

from __future__ import annotations

from torch import Tensor

from groundwork.errors import SpecError
from groundwork.rasters.grid import Grid
from groundwork.specs import TargetSpec
from groundwork.targets.label import Label, LabelSource
from groundwork.targets.measures import Measures, require_limits
from groundwork.targets.numbers import NumberLabels


class PixelNumbers(Measures):
    """Numbers for each pixel. See :class:`groundwork.targets.measures.Measures`."""

    per = "pixel"

    @classmethod
    def check(cls, target: TargetSpec) -> None:
        """See :class:`TargetKind`."""
        if not target.outputs or target.per != "pixel":
            raise SpecError(
                "This task learns numbers per pixel: give data.target.outputs, and 'per: pixel'. Classes per pixel are "
                "learnt by the task 'semantic_segmentation', numbers of whole images by 'scalar_regression'"
            )
        require_limits(target)

    def open_label(self, source: LabelSource, grid: Grid) -> Label:
        """Open rasters of numbers, or features with numbers as attributes."""
        if self.target.vectors is None:
            return NumberLabels(source.paths, self.target)
        from groundwork.targets.drawn import DrawnNumbers  # noqa: PLC0415 - geopandas loads slowly

        return DrawnNumbers(source.paths, self.target, grid)

    def asked(self, target: Tensor) -> Tensor:
        """Return the numbers of each pixel."""
        return target

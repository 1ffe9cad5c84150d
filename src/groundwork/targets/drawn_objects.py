"""Objects as features of vector files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import final

from rasterio.windows import Window

from groundwork.batch import Answers, Patch
from groundwork.rasters.grid import Grid
from groundwork.specs import ObjectSpec, TargetSpec
from groundwork.targets.drawn import DrawnLabel, find_classes
from groundwork.targets.scene_objects import SceneObjects


@final
class DrawnObjects(DrawnLabel):
    """One feature for each object: its outline or its box, or a line or point with what it covers."""

    may_be_empty = True

    def __init__(self, paths: Sequence[Path], target: TargetSpec, grid: Grid) -> None:
        """Read what lies near the scene. See :class:`DrawnLabel`."""
        super().__init__(paths, target, grid)
        background = (target.objects or ObjectSpec()).background
        classes, passed = find_classes(self.path, target, self._attributes, background)
        outlines = self._shapes.geometries[~passed]
        self._objects = SceneObjects(self.path, target, grid, outlines, classes[~passed], self._complete)

    def _columns(self) -> list[str]:
        return [] if self._spec.attribute is None else [self._spec.attribute]

    def read(self, window: Window) -> Answers:
        """See :class:`Label`."""
        return self._objects.read(window)

    def with_objects(self, window: Window, patch: Patch) -> Patch:
        """See :class:`Label`."""
        return self._objects.with_objects(window, patch)

    def remarks(self) -> Mapping[str, int]:
        """See :class:`Label`."""
        return self._objects.remarks()

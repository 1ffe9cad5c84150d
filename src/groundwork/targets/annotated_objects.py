"""Objects as annotations in COCO's JSON, or as lists of boxes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import final

import numpy as np
import shapely
from rasterio.windows import Window

from groundwork.batch import Answers, Patch
from groundwork.errors import RasterError
from groundwork.rasters.annotations import AnnotatedImage, Annotation
from groundwork.rasters.coco import read_coco
from groundwork.rasters.coco_outlines import box_of, outline_of
from groundwork.rasters.folder import preview
from groundwork.rasters.grid import Grid
from groundwork.specs import ObjectSpec, TargetSpec
from groundwork.strict import did_you_mean
from groundwork.targets.label import Label, LabelSource
from groundwork.targets.labels import IGNORE
from groundwork.targets.scene_objects import SceneObjects

#: Key of a row that says what the file calls the scene.
IMAGE = "image"


@final
class AnnotatedObjects(Label):
    """The annotations of one image of a file."""

    def __init__(self, source: LabelSource, target: TargetSpec, grid: Grid) -> None:
        """Read the annotations of a scene.

        Args:
            source: The file, with a row that says what it calls the scene; or one that holds this scene alone.
            target: With classes, called as categories are, or mapped to them; of a list of boxes with their values.
            grid: Of the scene.

        Raises:
            RasterError: Where the file holds another size for the scene, or annotations that are no objects in it.
        """
        self.path, self._target = source.paths[0], target
        self._spec = target.objects or ObjectSpec()
        image = self._find(source)
        if image.by_value:
            image = replace(image, width=grid.width, height=grid.height)
        if (image.width, image.height) != (grid.width, grid.height):
            found = f"{image.width} x {image.height} pixels for '{image.name}'"
            expected = f"{grid.width} x {grid.height}, as its raster has"
            raise RasterError(self.path, found, expected, "Correct the file, or give the raster that was annotated.")
        background = {str(category) for category in self._spec.background}
        kept = [annotation for annotation in image.annotations if annotation.category not in background]
        outlines = np.array([self._outline(image, annotation) for annotation in kept], np.object_)
        meanings = self._meanings(kept, by_value=image.by_value)
        # Of a crowd it is known that it is there, and not which pixels are one object.
        classes = np.array([IGNORE if entry.is_crowd else meanings[entry.category] for entry in kept], np.int64)
        self._objects = SceneObjects(self.path, target, grid, outlines, classes)

    def _find(self, source: LabelSource) -> AnnotatedImage:
        images = read_coco(self.path)
        if source.row is not None:
            name = str(source.row[IMAGE])
            if name not in images:
                raise RasterError(self.path, f"no image '{name}'", "what was there when samples were indexed")
            return images[name]
        if len(images) != 1:
            found = f"{len(images)} images: {preview(list(images), 3)}"
            raise RasterError(
                self.path, found, "one, in a file for one scene", "Give one file for all scenes as 'path'."
            )
        return next(iter(images.values()))

    def _meanings(self, kept: list[Annotation], *, by_value: bool) -> dict[str, int]:
        """Return the class index of each category, IGNORE for what nobody knows."""
        names, mapping = self._target.names, self._spec.mapping
        called = [str(entry.value) for entry in self._target.classes] if by_value else names
        meanings = {name: index for index, name in enumerate(called)}
        meanings |= {str(value): IGNORE for value in self._target.ignore_values} if by_value else {}
        meanings |= {name: IGNORE if to is None else names.index(to) for name, to in mapping.items()}
        wrong = [annotation for annotation in kept if annotation.category not in meanings]
        if wrong:
            name = wrong[0].category
            raise RasterError(
                self.path,
                f"{len(wrong)} object(s) of the category '{name}' or others, such as {wrong[0].name}",
                f"categories of {list(meanings)}",
                "Declare the class; or name the category in 'target.objects.mapping', with null for what nobody knows, "
                f"or under 'target.objects.background'.{did_you_mean(name, list(meanings))}",
            )
        return meanings

    def _outline(self, image: AnnotatedImage, annotation: Annotation) -> shapely.Geometry:
        if annotation.segmentation is not None and (self._spec.masks or annotation.is_crowd):
            return outline_of(self.path, image, annotation)
        if self._spec.masks and not annotation.is_crowd:
            found = f"no segmentation in {annotation.name} of '{image.name}'"
            remedy = "Leave 'target.objects.masks' out where boxes alone are known."
            raise RasterError(self.path, found, "the outline of each object", remedy)
        return box_of(self.path, image, annotation)

    def check_grid(self, grid: Grid) -> None:
        """See :class:`Label`: the size was compared, and annotations have no place on the ground."""

    def read(self, window: Window) -> Answers:
        """See :class:`Label`."""
        return self._objects.read(window)

    def with_objects(self, window: Window, patch: Patch) -> Patch:
        """See :class:`Label`."""
        return self._objects.with_objects(window, patch)

    def remarks(self) -> Mapping[str, int]:
        """See :class:`Label`."""
        return self._objects.remarks()

    def close(self) -> None:
        """Nothing is open."""

"""The objects of samples of TorchGeo."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import geopandas
import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray
from rasterio.features import shapes
from rasterio.windows import Window
from torch import Tensor

from groundwork.batch import Patch
from groundwork.config.torchgeo import ObjectKeys
from groundwork.errors import DataError
from groundwork.rasters.grid import Grid
from groundwork.specs import TargetSpec
from groundwork.targets.labels import IGNORE
from groundwork.targets.scene_objects import SceneObjects


@dataclass(frozen=True, slots=True)
class SampleObjects:
    """The objects of one sample, in pixels of its image."""

    #: Left, top, right and bottom edge of each (objects, 4).
    boxes: NDArray[np.float64]
    #: Class index of each; IGNORE where nobody knows (objects,).
    classes: NDArray[np.int64]
    #: What each covers: its box, or what its mask says.
    outlines: NDArray[np.object_]


def objects_of(
    sample: Mapping[str, object], keys: ObjectKeys, target: TargetSpec, size: tuple[int, int], name: str
) -> SampleObjects:
    """Read the objects of a sample.

    Args:
        sample: As TorchGeo has it.
        keys: What it calls boxes, labels and masks.
        target: The classes.
        size: Height and width of the image.
        name: Of the sample, for messages.

    Raises:
        DataError: For a sample without boxes or labels, boxes outside of the image or of no area, and labels that no
            class declares.
    """
    if keys.boxes not in sample and keys.without == "no_objects":
        boxes = np.zeros((0, 4))
    else:
        boxes = _tensor(sample, keys.boxes, name).reshape(-1, 4).double().numpy()
    _check_boxes(boxes, size, name)
    classes = _classes(sample, keys, target, len(boxes), name)
    outlines = shapely.box(*boxes.T) if len(boxes) else np.zeros(0, object)
    if target.objects is not None and target.objects.masks:
        masks = _tensor(sample, keys.masks, name).numpy() if len(boxes) else np.zeros((0, *size))
        if masks.shape != (len(boxes), *size):
            raise DataError(
                f"Sample {name}: '{keys.masks}' has the shape {masks.shape}; expected {(len(boxes), *size)}."
            )
        outlines = np.array([_outline(mask) for mask in masks], dtype=object)
    return SampleObjects(boxes, classes, np.atleast_1d(np.asarray(outlines, object)))


def with_objects(patch: Patch, objects: SampleObjects, target: TargetSpec, name: str) -> Patch:
    """Return a patch with objects, and with answers of its pixels. See :class:`ObjectAnswers`."""
    height, width = patch.size
    grid, window = Grid(None, Affine.identity(), width, height), Window(0, 0, width, height)
    scene = SceneObjects(Path(name), target, grid, objects.outlines, objects.classes)
    answers = scene.read(window)
    answers[:, ~patch.known] = IGNORE
    return scene.with_objects(window, Patch(patch.values, patch.valid, answers))


def _tensor(sample: Mapping[str, object], key: str, name: str) -> Tensor:
    part = sample.get(key)
    if not isinstance(part, Tensor):
        raise DataError(
            f"Sample {name} has no tensor '{key}'; it has {sorted(sample)}. Say in 'objects' what samples call boxes, "
            "labels and masks, or 'without: no_objects' where those without any have none."
        )
    return part


def _check_boxes(boxes: NDArray[np.float64], size: tuple[int, int], name: str) -> None:
    height, width = size
    left, top, right, bottom = boxes.T
    wrong = ~((left >= 0) & (top >= 0) & (left < right) & (top < bottom) & (right <= width) & (bottom <= height))
    if wrong.any():
        number = int(np.flatnonzero(wrong)[0])
        raise DataError(
            f"Sample {name}: box {number} is {boxes[number].tolist()} (left, top, right, bottom); expected "
            f"0 <= left < right <= {width} and 0 <= top < bottom <= {height} pixels."
        )


def _classes(
    sample: Mapping[str, object], keys: ObjectKeys, target: TargetSpec, count: int, name: str
) -> NDArray[np.int64]:
    if keys.labels is None:
        if target.num_outputs > 1:
            raise DataError(f"'objects.labels' is null, and the target has {target.num_outputs} classes: name the key.")
        return np.zeros(count, np.int64)
    if not count:
        return np.zeros(0, np.int64)
    labels = _tensor(sample, keys.labels, name).reshape(-1).tolist()
    if len(labels) != count:
        raise DataError(f"Sample {name}: found {len(labels)} labels for {count} boxes; expected one for each.")
    meaning = {**dict.fromkeys(target.ignore_values, IGNORE), **target.label_values}
    unknown = sorted({label for label in labels if label not in meaning})
    if unknown:
        raise DataError(
            f"Sample {name}: found the labels {unknown}, which no class declares; declared are {target.label_values}. "
            "Declare the classes, or add the values to 'ignore_value'."
        )
    return np.array([meaning[label] for label in labels], np.int64)


def _outline(mask: NDArray[np.generic]) -> shapely.Geometry:
    """Return what a mask covers, in columns and rows."""
    covered = (mask != 0).astype(np.uint8)
    found = [geometry for geometry, value in shapes(covered) if value]
    return geopandas.GeoSeries([shapely.geometry.shape(geometry) for geometry in found]).union_all()

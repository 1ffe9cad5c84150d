"""The objects of samples of TorchGeo."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray
from rasterio.windows import Window
from torch import Tensor

from groundwork.batch import Patch
from groundwork.config.torchgeo import ObjectKeys
from groundwork.errors import DataError
from groundwork.rasters.grid import Grid
from groundwork.specs import TargetSpec
from groundwork.targets.labels import IGNORE
from groundwork.targets.object_masks import outline_of
from groundwork.targets.scene_objects import SceneObjects

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SampleObjects:
    """The objects of one sample, in pixels of its image."""

    #: Left, top, right and bottom edge of each (objects, 4).
    boxes: NDArray[np.float64]
    #: Class index of each; IGNORE where nobody knows (objects,).
    classes: NDArray[np.int64]
    #: What each covers: its box, what its corners enclose, or what its mask says.
    outlines: NDArray[np.object_]
    #: The pixels of each (objects, height, width). None: they are not asked for, or corners say them.
    masks: NDArray[np.bool_] | None = None


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
        outlines = np.zeros(0, object)
    else:
        outlines = _outlines(_tensor(sample, keys.boxes, name), size, keys.boxes, name)
    boxes, masks = shapely.bounds(outlines).reshape(-1, 4), None
    classes = _classes(sample, keys, target, len(boxes), name)
    if target.objects is not None and target.objects.masks and keys.masks is not None:
        masks = _masks(sample, keys.masks, (len(boxes), *size), name)
        empty = ~masks.any(axis=(1, 2))
        if empty.any():
            logger.warning("Sample %s: %d mask(s) without a pixel; nobody knows what is there", name, empty.sum())
        classes[empty] = IGNORE
        drawn = [outline_of(mask) for mask in masks[~empty]]
        outlines[~empty] = np.fromiter(drawn, object, len(drawn))
    return SampleObjects(boxes, classes, outlines, masks)


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


def _outlines(given: Tensor, size: tuple[int, int], key: str, name: str) -> NDArray[np.object_]:
    """Return boxes (objects, 4), or what corners enclose (objects, corners, 2) or (objects, 8), as polygons."""
    numbers = given.double().numpy()
    if not given.numel():
        return np.zeros(0, object)
    if numbers.shape[1:] == (4,):
        _check_boxes(numbers, size, name)
        return np.asarray(shapely.box(*numbers.T), object)
    if numbers.shape[1:] == (8,):
        numbers = numbers.reshape(-1, 4, 2)
    if numbers.ndim != 3 or numbers.shape[1] < 4 or numbers.shape[2] != 2:
        raise DataError(
            f"Sample {name}: '{key}' has the shape {tuple(given.shape)}; expected (objects, 4) for left, top, right "
            "and bottom, or (objects, 8) or (objects, corners, 2) for the corners of turned boxes."
        )
    return _enclosed(numbers, size, name)


def _enclosed(corners: NDArray[np.float64], size: tuple[int, int], name: str) -> NDArray[np.object_]:
    """Return what corners (objects, corners, 2) enclose within the image: those of turned boxes may lie beyond it."""
    inside = shapely.intersection(shapely.polygons(corners), shapely.box(0, 0, size[1], size[0]))
    wrong = ~(shapely.area(inside) > 0) | (shapely.get_type_id(inside) != shapely.GeometryType.POLYGON)
    if wrong.any():
        number = int(np.flatnonzero(wrong)[0])
        raise DataError(
            f"Sample {name}: the corners {corners[number].tolist()} of object {number} enclose nothing within the "
            f"image of {size[0]} x {size[1]} pixels (height x width); expected columns and rows of a polygon."
        )
    return np.asarray(inside, object)


def _masks(sample: Mapping[str, object], key: str, shape: tuple[int, ...], name: str) -> NDArray[np.bool_]:
    if not shape[0]:
        return np.zeros(shape, np.bool_)
    masks = _tensor(sample, key, name).numpy()
    if masks.shape != shape:
        raise DataError(f"Sample {name}: '{key}' has the shape {masks.shape}; expected {shape}.")
    return np.asarray(masks != 0)


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

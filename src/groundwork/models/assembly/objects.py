"""Objects of an image: check them, bring them to the padded image, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import functional
from torchvision.ops import nms

from groundwork.models.features.padding import pad_with_nothing
from groundwork.targets.object_masks import cells_within, join_cells

#: Boxes of which less than this share lies in the image were found in the padding, and are left out.
_LEAST_INSIDE = 0.25


def check_objects(
    objects: Sequence[Mapping[str, Tensor]],
    batch: int,
    size: tuple[int, int],
    *,
    num_classes: int,
    has_masks: bool,
) -> None:
    """Refuse objects that no detector can learn from. Images without any are fine.

    Args:
        objects: Of each image, as :class:`groundwork.models.assembly.detection.DetectionModel` takes them.
        batch: Number of images.
        size: Height and width of the images.
        num_classes: Labels lie below this.
        has_masks: Whether each object needs a mask.

    Raises:
        ValueError: With the index of the sample, what was found, and what was expected.
    """
    if len(objects) != batch:
        raise ValueError(f"'objects' has entries for {len(objects)} images, the batch has {batch}: give one for each")
    for index, entry in enumerate(objects):
        where = f"Objects of sample {index} of the batch"
        wanted = ("boxes", "labels", "masks") if has_masks else ("boxes", "labels")
        missing = [name for name in wanted if name not in entry]
        if missing:
            raise ValueError(f"{where} lack {missing}; found {sorted(entry)}, expected {list(wanted)}")
        _check_boxes(where, entry["boxes"], size)
        _check_labels(where, entry["labels"], len(entry["boxes"]), num_classes)
        if has_masks:
            expected, found = (len(entry["boxes"]), *size), tuple(entry["masks"].shape)
            if found != expected:
                raise ValueError(f"{where}: 'masks' has the shape {found}, expected {expected}: one mask for each box")


def to_padded(entry: Mapping[str, Tensor], size: tuple[int, int], padded: tuple[int, int]) -> dict[str, Tensor]:
    """Bring the objects of an image to the pixels of the padded image.

    Args:
        entry: ``boxes`` (objects, 4), ``labels`` (objects,), and where there are ``masks`` (objects, height, width).
        size: Height and width of the image.
        padded: Of the padded image.
    """
    boxes = entry["boxes"].to(torch.float32)
    moved = {"boxes": boxes + _shift(size, padded, boxes.device), "labels": entry["labels"].long()}
    if "masks" in entry:
        moved["masks"] = pad_with_nothing(entry["masks"].to(torch.uint8), padded)
    return moved


def from_padded(found: Mapping[str, Tensor], size: tuple[int, int], padded: tuple[int, int]) -> dict[str, Tensor]:
    """Bring what was found in a padded image to the image, without what lies in the padding.

    Args:
        found: ``boxes`` (objects, 4), ``labels`` and ``scores`` (objects,), and where there are ``masks``
            (objects, 1, side, side), each over its box.
        size: Height and width of the image.
        padded: Of the padded image.

    Returns:
        The same, ``masks`` as (objects, side, side), each over what of its box lies in the image.
    """
    boxes = found["boxes"] - _shift(size, padded, found["boxes"].device)
    limit = boxes.new_tensor([size[1], size[0], size[1], size[0]])
    inside = boxes.clamp(min=0).minimum(limit)
    area = _area(inside)
    kept = (area > 0) & (area >= _LEAST_INSIDE * _area(boxes))
    moved = {name: found[name][kept] for name in ("labels", "scores")} | {"boxes": inside[kept]}
    if "masks" in found:
        moved["masks"] = cells_within(found["masks"][kept][:, 0], boxes[kept], inside[kept])
    return moved


def keep_best(found: Mapping[str, Tensor], iou: float | None) -> Mapping[str, Tensor]:
    """Leave out boxes that overlap by more than this with one of a higher score, whatever classes both have.

    Args:
        found: ``boxes`` (objects, 4), ``labels`` and ``scores`` (objects,), and more for each object.
        iou: None: nothing is left out.
    """
    if iou is None:
        return found
    kept = nms(found["boxes"], found["scores"], iou)
    return {name: value[kept] for name, value in found.items()}


def stack_objects(found: Sequence[Mapping[str, Tensor]]) -> Tensor:
    """Lay the objects of all images over one another, filled up with zeros to as many for each.

    Returns:
        Rows (batch, most, 6) of box, score and label; where there are masks with the cells of each box behind, see
        :mod:`groundwork.targets.object_masks`.
    """
    rows = [torch.cat([entry["boxes"], entry["scores"][:, None], entry["labels"][:, None]], dim=1) for entry in found]
    rows = [
        join_cells(row, entry["masks"]) if "masks" in entry else row for row, entry in zip(rows, found, strict=True)
    ]
    most = max(len(row) for row in rows)
    return torch.stack([functional.pad(row, (0, 0, 0, most - len(row))) for row in rows])


def _check_boxes(where: str, boxes: Tensor, size: tuple[int, int]) -> None:
    if boxes.dim() != 2 or boxes.shape[1] != 4:
        raise ValueError(
            f"{where}: 'boxes' has the shape {tuple(boxes.shape)}, expected (objects, 4): left, top, right, bottom "
            "in pixels, and (0, 4) where there are none"
        )
    left, top, right, bottom = boxes.unbind(dim=1)
    height, width = size
    # All at once, as each question that is asked of a GPU waits for it. What is not finite fails each comparison.
    good = (left >= 0) & (top >= 0) & (left < right) & (top < bottom) & (right <= width) & (bottom <= height)
    if not good.all():
        wrong = int((~good).nonzero()[0])
        raise ValueError(
            f"{where}: box {wrong} is {[round(value, 2) for value in boxes[wrong].tolist()]} (left, top, right, "
            f"bottom), expected 0 <= left < right <= {width} and 0 <= top < bottom <= {height} pixels. Clip boxes to "
            "the image, and leave out those of which nothing remains"
        )


def _check_labels(where: str, labels: Tensor, count: int, num_classes: int) -> None:
    if labels.dim() != 1 or len(labels) != count or labels.is_floating_point():
        raise ValueError(
            f"{where}: 'labels' has the shape {tuple(labels.shape)} and the type {labels.dtype}, expected ({count},) "
            "whole numbers: the class index of each box"
        )
    wrong = (labels < 0) | (labels >= num_classes)
    if wrong.any():
        index = int(wrong.nonzero()[0])
        raise ValueError(
            f"{where}: label {index} is {int(labels[index])}, expected a class index from 0 to {num_classes - 1}: the "
            "position of the class in the target, not its value"
        )


def _shift(size: tuple[int, int], padded: tuple[int, int], device: torch.device) -> Tensor:
    right, down = (padded[1] - size[1]) // 2, (padded[0] - size[0]) // 2
    return torch.tensor([right, down, right, down], dtype=torch.float32, device=device)


def _area(boxes: Tensor) -> Tensor:
    # A box that lies outside altogether would have two negative sides, and with them an area.
    width, height = (boxes[:, 2:] - boxes[:, :2]).clamp(min=0).unbind(dim=1)
    return width * height

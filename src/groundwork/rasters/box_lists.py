"""Objects of one image as a list of boxes beside a list of label values, in JSON."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from pathlib import Path
from typing import TypeGuard

from groundwork.errors import RasterError
from groundwork.rasters.annotations import AnnotatedImage, Annotation

BOXES, LABELS = "boxes", "labels"


def is_box_list(content: object) -> TypeGuard[Mapping[str, object]]:
    """Whether the content of a file is such a list: it has both keys, and nothing of COCO's."""
    return isinstance(content, dict) and BOXES in content and LABELS in content and "annotations" not in content


def read_box_list(path: Path, content: Mapping[str, object]) -> AnnotatedImage:
    """Return the objects of the one image that a file is for. It says no size.

    Args:
        path: For messages.
        content: With ``boxes``, each of left, top, right and bottom in pixels, and ``labels``, a whole number for each.

    Raises:
        RasterError: For lists of two lengths, and for what is no box or no label value, with its number.
    """
    boxes, labels = content[BOXES], content[LABELS]
    if not isinstance(boxes, list) or not isinstance(labels, list) or len(boxes) != len(labels):
        found = f"{_count(boxes)} under '{BOXES}' and {_count(labels)} under '{LABELS}'"
        raise RasterError(path, found, "two lists, with a label value for each box", "Correct the file.")
    pairs = enumerate(zip(boxes, labels, strict=True), start=1)
    return AnnotatedImage(
        path.stem, 0, 0, tuple(_annotation(path, number, box, label) for number, (box, label) in pairs), by_value=True
    )


def _annotation(path: Path, number: int, box: object, label: object) -> Annotation:
    name = f"box {number}"
    edges = [float(edge) for edge in box if _is_number(edge)] if isinstance(box, list) else []
    if not isinstance(box, list) or len(box) != 4 or len(edges) != 4:
        raise RasterError(path, f"{box} as {name}", "four numbers: left, top, right, bottom", "Correct it.")
    if not _is_number(label) or label % 1:
        raise RasterError(path, f"{label!r} as the label of {name}", "a whole number", "Correct it.")
    left, top, right, bottom = edges
    return Annotation(name, str(int(label)), (left, top, right - left, bottom - top), is_crowd=False)


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


def _count(value: object) -> str:
    return f"{len(value)} entries" if isinstance(value, list) else repr(value)

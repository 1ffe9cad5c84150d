"""Annotations of all scenes in one file: which image of it is which scene."""

from __future__ import annotations

from pathlib import Path

from groundwork.data.label_table import LabelTable
from groundwork.errors import PairingError
from groundwork.rasters.coco import read_coco
from groundwork.rasters.folder import preview
from groundwork.rasters.patterns import match_names
from groundwork.targets.annotated_objects import IMAGE


def find_annotated(path: Path, pattern: str) -> LabelTable:
    """Join the images of a file in COCO's JSON to scenes by key.

    Args:
        path: The file.
        pattern: What the file calls an image, with ``{key}`` for the key of its scene, such as ``tiles/{key}.png``.

    Raises:
        RasterError: Where the file cannot be read.
        PairingError: Where an image is not called so, or two have one key.
    """
    images = list(read_coco(path))
    keys = match_names(images, pattern, path)
    others = sorted(set(images) - set(keys.values()))
    if others or not images:
        found = f"{len(others)} image(s) that do not match '{pattern}': {preview(others, 5)}" if others else "no image"
        raise PairingError(f"{path}: found {found}. Correct 'image', which says what the file calls a scene.")
    return LabelTable(path.parent, path.name, {key: {IMAGE: name} for key, name in keys.items()})

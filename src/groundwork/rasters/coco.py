"""Read annotations of objects in COCO's JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import lru_cache
from math import isfinite
from pathlib import Path
from typing import TypeAlias

from groundwork.errors import RasterError
from groundwork.rasters.annotations import AnnotatedImage, Annotation
from groundwork.rasters.box_lists import is_box_list, read_box_list
from groundwork.rasters.folder import preview

#: An object of JSON.
Entry: TypeAlias = Mapping[str, object]
_PARTS = {
    "images": {"id": int, "file_name": str, "width": int, "height": int},
    "categories": {"id": int, "name": str},
    "annotations": {"image_id": int, "category_id": int, "bbox": list},
}


def read_coco(path: Path) -> Mapping[str, AnnotatedImage]:
    """Return the images of a file by their ``file_name``, in its order. What was read last is kept.

    A file may be a list of boxes as well (:mod:`groundwork.rasters.box_lists`), which holds one image, called as it is.

    Raises:
        RasterError: Where it is no such JSON, and where an entry lacks what is needed,
            names what is not there or stands twice.
    """
    if not path.is_file():
        raise RasterError(path, "no such file", "annotations in COCO's JSON")
    state = path.stat()
    return _read(path, (state.st_mtime_ns, state.st_size))


# Two, so that scenes of two files may be read in turn; files for one scene each are small, and read anew.
@lru_cache(maxsize=2)
def _read(path: Path, stamp: tuple[int, int]) -> Mapping[str, AnnotatedImage]:  # noqa: ARG001 - a part of the key
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise RasterError(path, f"no JSON that can be read ({error})", "annotations in COCO's JSON") from None
    if is_box_list(content):
        return {path.stem: read_box_list(path, content)}
    parts = {name: _entries(path, content, name) for name in _PARTS}
    for part, key in (("images", "id"), ("images", "file_name"), ("categories", "id"), ("categories", "name")):
        _require_once(path, part, key, parts[part])
    categories = {entry["id"]: str(entry["name"]) for entry in parts["categories"]}
    found: dict[object, list[Annotation]] = {entry["id"]: [] for entry in parts["images"]}
    for number, entry in enumerate(parts["annotations"], start=1):
        annotation = _annotation(path, entry, number, categories)
        if entry["image_id"] not in found:
            known = f"one of {len(found)} images, such as {preview(list(map(str, found)), 3)}"
            raise RasterError(path, f"image_id {entry['image_id']} in {annotation.name}", known, "Correct it.")
        found[entry["image_id"]].append(annotation)
    return {
        str(entry["file_name"]): AnnotatedImage(
            str(entry["file_name"]), int(str(entry["width"])), int(str(entry["height"])), tuple(found[entry["id"]])
        )
        for entry in parts["images"]
    }


def _entries(path: Path, content: object, part: str) -> list[Entry]:
    """Return the entries of a part, each of which has what is needed."""
    if not isinstance(content, dict) or not isinstance(content.get(part), list):
        found = f"the keys {sorted(content)}" if isinstance(content, dict) else f"a {type(content).__name__}"
        raise RasterError(path, found, f"an object with the lists {list(_PARTS)}, as COCO's JSON has them")
    for number, entry in enumerate(content[part], start=1):
        for key, kind in _PARTS[part].items():
            value = entry.get(key) if isinstance(entry, dict) else None
            if not isinstance(value, kind) or isinstance(value, bool):
                what = "nothing" if value is None else repr(value)
                found = f"{what} as '{key}' of number {number} of '{part}'"
                expected = {int: "a whole number", str: "a text", list: "a list"}[kind]
                raise RasterError(path, found, expected, "Correct the entry.")
    return list(content[part])


def _require_once(path: Path, part: str, key: str, entries: Iterable[Entry]) -> None:
    seen: set[object] = set()
    for entry in entries:
        if entry[key] in seen:
            raise RasterError(path, f"the {key} '{entry[key]}' twice in '{part}'", "each once", "Remove one of them.")
        seen.add(entry[key])


def _annotation(path: Path, entry: Entry, number: int, categories: Mapping[object, str]) -> Annotation:
    name = f"annotation {entry.get('id', f'number {number}')}"
    if entry["category_id"] not in categories:
        known = f"one of 'categories': {categories}"
        raise RasterError(path, f"category_id {entry['category_id']} in {name}", known, "Correct it.")
    is_crowd, segmentation = bool(entry.get("iscrowd")), entry.get("segmentation") or None
    return Annotation(name, categories[entry["category_id"]], _box(path, name, entry["bbox"]), is_crowd, segmentation)


def _box(path: Path, name: str, box: object) -> tuple[float, float, float, float]:
    values = [value for value in box if isinstance(value, int | float)] if isinstance(box, list) else []
    if not isinstance(box, list) or len(box) != 4 or len(values) != 4 or not all(map(isfinite, values)):
        raise RasterError(path, f"the bbox {box} in {name}", "four numbers: left, top, width, height", "Correct it.")
    return float(values[0]), float(values[1]), float(values[2]), float(values[3])

"""Where the files of one source lie, of all splits together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from groundwork.compatibility.terratorch.files import FirstFile, look_at
from groundwork.compatibility.terratorch.patterns import Place, join_roots
from groundwork.compatibility.terratorch.sources import Source
from groundwork.compatibility.terratorch.splits import Splits
from groundwork.compatibility.terratorch.stated import Stated, Words
from groundwork.specs import Axes

#: Stands in a pattern for the folder that is the first part of a key.
FOLDER = "{folder}"


@dataclass(frozen=True, slots=True)
class Repeated:
    """Splits and places in which names are told apart by their folders."""

    splits: Splits
    scenes: Place
    labels: Place


@dataclass(frozen=True, slots=True)
class Found:
    """What was found of sources and places."""

    sources: Mapping[str, Source]
    places: Words
    splits: Splits
    first: FirstFile | None
    #: The sources whose bands one encoder sees as one image, in this order. Empty: each is seen by itself.
    stacked: tuple[str, ...] = ()


def join(
    stated: Stated, key: str, roots: Mapping[str, str], pattern: str, variable: str | tuple[str, ...] = ""
) -> Place:
    """Return the one place that the folders of all splits are."""
    distinct = [root for root in dict.fromkeys(roots.values()) if root]
    if not distinct:
        stated.refuse(key, "nothing says where files lie: name a folder for each split")
        return Place("", pattern)
    place = join_roots(distinct, pattern)
    if place is None or place.path in (".", "/"):
        what = "at different depths" if place is None else "with no folder of their own in common"
        stated.refuse(
            key,
            f"{distinct} lie {what}: move them below one folder, such as 'data', with a folder for each split in it",
        )
        return Place("", pattern)
    return replace(place, variable=variable)


def first_of(place: Place, axes: Axes | None = None) -> FirstFile | None:
    """Return what the first file at a place holds. None: nothing is there yet."""
    found = place.found()
    variable = place.variable if isinstance(place.variable, str) else next(iter(place.variable), "")
    return look_at(Path(place.path), found[min(found)], variable, axes) if found else None


def as_axes(stated: object) -> Axes | None:
    """Return axes as they stand in a specification. None: there are none."""
    return tuple(stated) if isinstance(stated, list) else None


def told_apart(splits: Splits, scenes: Place, labels: Place, roots: Mapping[str, tuple[str, str]]) -> Repeated | None:
    """Return places in which the folder of a split is a part of the key: names repeat themselves in the folders.

    Args:
        splits: With a folder for each.
        scenes: Of all splits.
        labels: Of all splits.
        roots: Split -> folder of its images, folder of its labels.

    Returns:
        None where images and labels have other folders.
    """
    words = {images: (_word(scenes, images), _word(labels, answers)) for images, answers in roots.values()}
    folders = splits.place.get("folders")
    if any(of_images is None or of_images != of_labels for of_images, of_labels in words.values()):
        return None
    if not isinstance(folders, Mapping):
        return None
    apart, answers = (replace(place, pattern=place.pattern.replace("*", FOLDER, 1)) for place in (scenes, labels))
    named = {
        split: {"path": apart.path, "pattern": apart.pattern, "folder": words[str(place["path"])][0]}
        for split, place in folders.items()
    }
    return Repeated(Splits(splits.config, {"folders": named}), apart, answers)


def _word(place: Place, root: str) -> str | None:
    """Return what the only star of a place stands for in one of its folders. None: it has none, or several."""
    parts = PurePosixPath(place.pattern).parts
    below = PurePosixPath(root).relative_to(place.path).parts if PurePosixPath(root).is_relative_to(place.path) else ()
    if place.pattern.count("*") != 1 or len(below) >= len(parts):
        return None
    for how, name in zip(parts, below, strict=False):
        if "*" in how:
            before, _, behind = how.partition("*")
            return name[len(before) : len(name) - len(behind)]
    return None

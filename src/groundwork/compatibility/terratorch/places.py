"""Where the files of one source lie, of all splits together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from groundwork.compatibility.terratorch.files import FirstFile, look_at
from groundwork.compatibility.terratorch.patterns import Place, join_roots
from groundwork.compatibility.terratorch.sources import Source
from groundwork.compatibility.terratorch.splits import Splits
from groundwork.compatibility.terratorch.stated import Stated, Words


@dataclass(frozen=True, slots=True)
class Found:
    """What was found of sources and places."""

    sources: Mapping[str, Source]
    places: Words
    splits: Splits
    first: FirstFile | None
    #: The sources whose bands one encoder sees as one image, in this order. Empty: each is seen by itself.
    stacked: tuple[str, ...] = ()


def join(stated: Stated, key: str, roots: Mapping[str, str], pattern: str) -> Place:
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
    return place


def first_of(place: Place) -> FirstFile | None:
    """Return what the first file at a place holds. None: nothing is there yet."""
    found = place.found()
    return look_at(Path(place.path) / found[min(found)]) if found else None

"""Which numbers labels hold: nothing in a file of TerraTorch says it, and a number beyond is mostly no measurement."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from groundwork.compatibility.terratorch.files import value_range
from groundwork.compatibility.terratorch.patterns import Place
from groundwork.compatibility.terratorch.stated import Stated, Words

#: What is assumed where no label is there to look at. Undeclared -9999 lies beyond.
ASSUMED = (-1000.0, 10000.0)
#: Labels that are looked at, evenly picked.
MOST = 200
WHERE = "data.target.outputs"


def set_ranges(stated: Stated, target: Words, labels: object) -> None:
    """State the lowest and the highest number of each output.

    Args:
        stated: The keys of the datamodule, for messages.
        target: With ``outputs``, which are changed.
        labels: Where the labels lie.
    """
    outputs = target.get("outputs")
    if not isinstance(outputs, list):
        return
    found = _look(labels, [entry.get("nodata") for entry in outputs]) if len(outputs) == 1 else None
    if found is None:
        text = f"no label was there to look at: numbers from {ASSUMED[0]:g} to {ASSUMED[1]:g} are assumed"
    else:
        text = f"labels that are there hold numbers from {found[0]:g} to {found[1]:g}"
    stated.change("train_label_data_root", f"{text}; others are refused. State what can be measured", WHERE)
    for entry in outputs:
        entry["minimum"], entry["maximum"] = found or ASSUMED


def _look(labels: object, nodata: list[object]) -> tuple[float, float] | None:
    """Return the lowest and the highest number of some labels. None: there are none, or of one number only."""
    if not isinstance(labels, Mapping) or "pattern" not in labels:
        return None
    place = Place(str(labels["path"]), str(labels["pattern"]))
    names = sorted((place.found() or {}).values())
    ranges = [value_range(Path(place.path) / name, nodata) for name in names[:: max(1, len(names) // MOST)]]
    known = [entry for entry in ranges if entry is not None]
    if not known:
        return None
    low, high = min(entry[0] for entry in known), max(entry[1] for entry in known)
    return (low, high) if low < high else None

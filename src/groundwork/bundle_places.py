"""Which files a bundle lies in, and what is said of a place that holds none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from groundwork.errors import BundleError
from groundwork.strict import did_you_mean

#: What is in the folder of a bundle, and endings of exported files.
DESCRIPTION, WEIGHTS, EXPORTED = "bundle.json", "weights.safetensors", (".onnx", ".pt2")
#: How many places are named that hold bundles, and how deep they are looked for.
_MOST, _DEEPEST = 8, 3


def bundle_files(place: Path) -> tuple[Path, Path]:
    """Return the two files of a bundle: its description and its weights.

    Args:
        place: The folder.

    Raises:
        BundleError: Where there is no bundle, with what is there instead, or near.
    """
    description, weights = place / DESCRIPTION, place / WEIGHTS
    if not description.is_file():
        raise BundleError(f"{place}: {_instead(place)}")
    if not weights.is_file():
        raise BundleError(
            f"{place}: found {DESCRIPTION} without {WEIGHTS}; expected both. Fetch the whole folder of the bundle."
        )
    return description, weights


def _instead(place: Path) -> str:
    if place.name in (DESCRIPTION, WEIGHTS):
        return f"expected the folder of a bundle, and not a file of it. Name {place.parent}."
    if place.is_file() and place.suffix in EXPORTED:
        return (
            "found an exported file; expected the folder of a bundle. `groundwork bundle predict --report` takes such "
            "a file with the report of its export, as groundwork.export.loading.load_exported does in Python."
        )
    if place.is_file():
        return "found a file; expected the folder of a bundle. Unpack an archive first."
    if place.is_dir():
        return f"found no {DESCRIPTION}; expected the folder of a bundle; there{_listed(place)}"
    near = next(folder for folder in place.absolute().parents if folder.is_dir())
    names = [found.name for found in _holders(near)]
    return f"found no such folder; expected that of a bundle.{did_you_mean(place.name, names)} In {near}{_listed(near)}"


def _listed(folder: Path) -> str:
    found = [str(place) for place in _holders(folder)]
    more = f" and {len(found) - _MOST} more" if len(found) > _MOST else ""
    return f": {', '.join(found[:_MOST])}{more}." if found else " is none."


def _holders(folder: Path) -> list[Path]:
    """Return the bundles and exported files in a folder."""
    return sorted(place.parent if place.name == DESCRIPTION else place for place in _files(folder))


def _files(folder: Path) -> Iterator[Path]:
    for depth in range(_DEEPEST):
        for name in (DESCRIPTION, *(f"*{ending}" for ending in EXPORTED)):
            yield from folder.glob("*/" * depth + name)

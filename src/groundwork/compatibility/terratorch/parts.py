"""Parts of a file that stand in files of their own, as in ``data: ../data/burns.yaml``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from groundwork.errors import TranslationError

#: Keys whose value may be the path of a file, from the folder of the one that names it.
PARTS = ("trainer", "data", "model", "optimizer", "lr_scheduler")
SUFFIXES = (".yaml", ".yml")


def with_parts(
    stated: Mapping[str, object], file: Path, read: Callable[[Path], Mapping[str, object]]
) -> dict[str, object]:
    """Return a file with the parts that it names in their places; those that are not there stay as they are.

    Args:
        stated: What it holds.
        file: Where it lies.
        read: Reads a file; raises what it raises for one that is broken.
    """
    return {key: _part(key, value, file, read) for key, value in stated.items()}


def require_parts(stated: Mapping[str, object], name: str) -> None:
    """Refuse a file that names a part which is not there.

    Raises:
        TranslationError: With its key and its path.
    """
    for key, value in stated.items():
        if key in PARTS and isinstance(value, str) and value.endswith(SUFFIXES):
            raise TranslationError(
                f"{name}: '{key}' names the file '{value}', which is not there, seen from the folder of {name}: bring "
                "it, or correct its path"
            )


def _part(key: str, value: object, file: Path, read: Callable[[Path], Mapping[str, object]]) -> object:
    if key not in PARTS or not isinstance(value, str) or not value.endswith(SUFFIXES):
        return value
    path = file.parent / value
    return read(path) if path.is_file() else value

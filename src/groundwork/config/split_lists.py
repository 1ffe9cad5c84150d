"""Lists of splits in their two forms: all under one key, and split by split."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: How a line of a list names a scene where nothing else is stated: by its key.
PLAIN = "{key}"


def by_split(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return split -> the file of its list, such a file with the pattern of its lines, or a folder.

    Args:
        entry: ``files``, perhaps with the ``pattern`` of their lines, or ``folders``.
    """
    files = {split: file for split, file in (entry.get("files") or {}).items() if file}
    pattern = entry.get("pattern", PLAIN)
    if files and pattern != PLAIN:
        return {split: {"file": file, "pattern": pattern} for split, file in files.items()}
    return files or {split: place for split, place in (entry.get("folders") or {}).items() if place}

"""Whether DVC keeps what is not there, so that nobody makes anew what a colleague has made."""

from __future__ import annotations

import re
from pathlib import Path

from groundwork.rasters.addresses import Address

#: A path in ``dvc.lock``, from the project's folder or from that of a recipe.
_PATH = re.compile(r"^\s*-?\s*path: (?:\.\./\.\./)?(?P<path>.+)$", re.MULTILINE)


def fetched_by(place: Path) -> str:
    """Return the command that fetches a file or folder from DVC's remote; empty where DVC does not know it."""
    if isinstance(place, Address):
        return ""
    beside = place.with_name(f"{place.name}.dvc")
    if beside.is_file():
        return f"dvc pull {_shown(beside)}"
    root = next((folder for folder in place.parents if (folder / ".dvc").is_dir()), None)
    if root is None:
        return ""
    wanted = place.relative_to(root).as_posix()
    for file in (root / "dvc.lock", *sorted(root.glob("conf/*/dvc.lock"))):
        text = file.read_text(encoding="utf-8") if file.is_file() else ""
        if any(found["path"].strip("'\"") == wanted for found in _PATH.finditer(text)):
            return f"dvc pull {_shown(place)}"
    return ""


def _shown(place: Path) -> str:
    try:
        return place.relative_to(Path.cwd()).as_posix()
    except ValueError:
        return place.as_posix()

"""Whether DVC keeps what is not there, so that nobody makes anew what a colleague has made."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import yaml

from groundwork.rasters.addresses import Address


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
    locks = (root / "dvc.lock", *sorted(root.glob("conf/*/dvc.lock")))
    if any(place == made for file in locks if file.is_file() for made in _results(file)):
        return f"dvc pull {_shown(place)}"
    return ""


def _results(file: Path) -> list[Path]:
    """Return what the stages of a lock file make. What they only read may have been there in a commit alone."""
    try:
        stated: Any = yaml.safe_load(file.read_text(encoding="utf-8"))
    except yaml.YAMLError:
        # As in the middle of a merge, which DVC tells of itself.
        return []
    stages = stated.get("stages", {}) if isinstance(stated, dict) else {}
    entries = [entry for stage in stages.values() for entry in stage.get("outs", ())]
    return [Path(os.path.normpath(file.parent / entry["path"])) for entry in entries]


def _shown(place: Path) -> str:
    try:
        return place.relative_to(Path.cwd()).as_posix()
    except ValueError:
        return place.as_posix()

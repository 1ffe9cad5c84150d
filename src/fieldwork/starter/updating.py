"""Bring a project up to date with a later template: what changed there is merged into what changed here, by git."""

from __future__ import annotations

import json
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from fieldwork.starter.making import RECORD, commit_of, git, rendered
from fieldwork.starter.names import Names, NewProjectError


@dataclass(frozen=True, slots=True)
class Update:
    """What became of the files of a project."""

    #: Commits of the template, before and after.
    before: str
    after: str
    changed: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    #: Files in which both sides changed the same lines, and files that one side changed and the other removed.
    conflicts: list[str] = field(default_factory=list)


def update_project(template: Path, folder: Path) -> Update:
    """Merge what the template changed since a project was made, or last updated.

    Args:
        template: A clone of the template, at the commit to update to.
        folder: The project, with nothing that is not committed.

    Raises:
        NewProjectError: For a folder that is no such project, changes that are not committed, and a template that lacks
            the commit that the project was made of.
    """
    names, recipes, before = _record_of(folder)
    if git(folder, "status", "--porcelain").strip():
        raise NewProjectError(
            f"{folder}: there are changes that are not committed. Commit them first: an update is then one change, "
            "which 'git restore' takes back."
        )
    after = commit_of(template)
    base, ours = _rendered_before(template, before, names, recipes), rendered(template, after, names, recipes)
    update = Update(before, after)
    for place in sorted(base.keys() | ours.keys()):
        if base.get(place) != ours.get(place):
            _merge(folder, place, base.get(place), ours.get(place), update)
    return update


def _record_of(folder: Path) -> tuple[Names, list[str], str]:
    file = folder / RECORD
    try:
        stated = json.loads(file.read_text("utf-8"))
        return Names(stated["project"], stated["package"]), list(stated["recipes"]), stated["commit"]
    except FileNotFoundError:
        raise NewProjectError(f"{folder} was not made by 'groundwork new': {RECORD} is missing.") from None
    except (ValueError, KeyError, TypeError) as error:
        raise NewProjectError(f"{file} is damaged ({error}). Take it from the history: git restore {RECORD}") from None


def _rendered_before(template: Path, commit: str, names: Names, recipes: list[str]) -> dict[str, bytes]:
    try:
        git(template, "cat-file", "-e", f"{commit}^{{commit}}")
    except NewProjectError:
        raise NewProjectError(
            f"{template} lacks the commit {commit[:12]}, of which the project was made. Fetch it: git fetch --unshallow"
        ) from None
    return rendered(template, commit, names, recipes)


def _merge(folder: Path, place: str, base: bytes | None, ours: bytes | None, update: Update) -> None:
    """Bring one file to what the template has now, and keep what was changed in it."""
    file = folder / place
    theirs = file.read_bytes() if file.is_file() else None
    if theirs == ours:
        return
    if theirs == base:
        if ours is None:
            file.unlink()
            update.removed.append(place)
            return
        merged, is_clean = ours, True
    elif ours is None or (theirs is None and base is not None):
        update.conflicts.append(place)
        return
    else:
        merged, is_clean = _three_way(theirs or b"", base or b"", ours)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(merged)
    (update.changed if is_clean else update.conflicts).append(place)


def _three_way(theirs: bytes, base: bytes, ours: bytes) -> tuple[bytes, bool]:
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / name for name in ("project", "before", "template")]
        for file, content in zip(files, (theirs, base, ours), strict=True):
            file.write_bytes(content)
        labels = [word for name in ("project", "before", "template") for word in ("-L", name)]
        done = subprocess.run(["git", "merge-file", "-p", *labels, *map(str, files)], capture_output=True, check=False)
    if done.returncode < 0 or done.returncode > 127:
        # git does not merge what is no text: the project's stays.
        return theirs, False
    return done.stdout, done.returncode == 0

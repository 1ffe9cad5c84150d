"""What code a run was made with: the commit that changed it last, what is not committed, and what it holds."""

from __future__ import annotations

import hashlib
import platform
import re
import subprocess
import tomllib
from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

#: The name of a package at the head of a requirement.
PACKAGE = re.compile(r"[A-Za-z0-9._-]+")
LOCK = "requirements.lock"


def state_of(project: Path, places: Sequence[str]) -> dict[str, Any]:
    """Return commit, changes and contents of files and folders of a project.

    ``revision`` is the last commit that changed any of them: committing results, or pages, does not change it. It is
    None where git does not know: without a repository, or in a clone without its history.

    Args:
        project: Its folder.
        places: Paths relative to it.
    """
    shallow = _git(project, "rev-parse", "--is-shallow-repository")
    is_known = shallow is not None and shallow.strip() == "false"
    revision = _git(project, "log", "-1", "--format=%H", "--", *places) if is_known else None
    status = _git(project, "status", "--porcelain", "--untracked-files=all", "-z", "--", *places)
    changed = sorted(_changed(status or ""))
    return {
        "revision": (revision or "").strip() or None,
        "dirty": bool(changed) if status is not None else None,
        "changed": changed,
        "sha256": _contents(project, places),
    }


def head_of(project: Path) -> str | None:
    """Return the commit that is checked out."""
    return (_git(project, "rev-parse", "HEAD") or "").strip() or None


def lock_of(project: Path) -> str | None:
    """Return the SHA-256 of the lock file."""
    file = project / LOCK
    return hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else None


def versions_of(project: Path) -> dict[str, str]:
    """Return the versions of Python and of the packages that the project names, as far as they are installed."""
    file = project / "pyproject.toml"
    stated = tomllib.loads(file.read_text("utf-8")) if file.is_file() else {}
    names = [PACKAGE.match(text) for text in stated.get("project", {}).get("dependencies", [])]
    found = {"python": platform.python_version()}
    for name in sorted(match.group().lower() for match in names if match):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _git(project: Path, *words: str) -> str | None:
    """Return what git says; None where there is no git, or no repository."""
    try:
        done = subprocess.run(["git", "-C", str(project), *words], capture_output=True, check=False)
    except FileNotFoundError:
        return None
    return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else None


def _changed(status: str) -> Iterator[str]:
    """Yield the paths of ``git status --porcelain -z``. What was renamed is followed by its old name."""
    parts = iter(status.split("\0"))
    for part in parts:
        if part:
            yield part[3:]
        if part[:1] in {"R", "C"}:
            next(parts, None)


def _contents(project: Path, places: Sequence[str]) -> str:
    """Return the SHA-256 over names and contents, whatever git knows of them."""
    digest = hashlib.sha256()
    roots = [project / place for place in places]
    files = {file for root in roots for file in ([root] if root.is_file() else root.rglob("*")) if file.is_file()}
    for file in sorted(file for file in files if "__pycache__" not in file.parts):
        data = file.read_bytes()
        digest.update(f"{file.relative_to(project).as_posix()}\0{len(data)}\0".encode())
        digest.update(data)
    return digest.hexdigest()

"""Mend what a kill leaves of DVC's own files, which DVC writes in place: until then, each of its commands refuses.

``make repro`` does so before ``dvc repro``.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import yaml
from dvc.lock import make_lock
from dvc.rwlock import RWLOCK_FILE, RWLOCK_LOCK
from dvc.schema import COMPILED_LOCKFILE_SCHEMA
from voluptuous import Invalid

#: What whoever writes ``dvc.lock`` holds.
_REPO_LOCK = "lock"
#: What ``dvc.lock`` says of its format.
_FORMAT = "2.0"


def mend(project: Path) -> list[Path]:
    """Remove DVC's list of locks, and each ``dvc.lock``, where it was cut off; return what was removed.

    A stage that ``dvc.lock`` told of is taken from DVC's cache of runs then, or run again.

    Raises:
        dvc.lock.LockError: Where another process holds what it takes to write them.
    """
    folder = project / ".dvc/tmp"
    checks: dict[Path, tuple[str, Callable[[str], object]]] = {folder / RWLOCK_FILE: (RWLOCK_LOCK, json.loads)}
    for lock in (project / "dvc.lock", *sorted(project.glob("conf/*/dvc.lock"))):
        checks[lock] = (_REPO_LOCK, _read_lock)
    return [file for file, (guard, read) in checks.items() if file.exists() and _removed(file, folder / guard, read)]


def _read_lock(text: str) -> object:
    read = yaml.safe_load(text)
    # What another version of DVC wrote is whole, for all that is known here.
    is_ours = not isinstance(read, dict) or read.get("schema") in (None, _FORMAT)
    return COMPILED_LOCKFILE_SCHEMA(read) if is_ours else read


def _removed(file: Path, guard: Path, read: Callable[[str], object]) -> bool:
    # Whoever writes the file holds the guard: what cannot be read now is not about to be finished.
    with make_lock(str(guard), tmp_dir=str(guard.parent)):
        try:
            read(file.read_text("utf-8"))
        except (ValueError, yaml.YAMLError, Invalid):
            file.unlink()
            return True
    return False


if __name__ == "__main__":
    for removed in mend(Path.cwd()):
        sys.stderr.write(f"{removed.name}: a killed run had left half of it; it was removed.\n")

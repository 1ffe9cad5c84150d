"""Mend what a kill leaves of DVC's list of locks, which DVC writes in place: until it is mended, each command refuses.

``make repro`` runs it before ``dvc repro``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from dvc.lock import make_lock
from dvc.rwlock import RWLOCK_FILE, RWLOCK_LOCK


def mend_locks(project: Path) -> bool:
    """Remove DVC's list of locks where it was cut off; return whether it was.

    Raises:
        dvc.lock.LockError: Where another process writes it all the time.
    """
    folder = project / ".dvc/tmp"
    listed = folder / RWLOCK_FILE
    if not listed.exists():
        return False
    # Whoever writes the list holds this: what cannot be read now is not about to be finished.
    with make_lock(str(folder / RWLOCK_LOCK), tmp_dir=str(folder)):
        try:
            json.loads(listed.read_text("utf-8"))
        except ValueError:
            listed.unlink()
            return True
    return False


if __name__ == "__main__":
    if mend_locks(Path.cwd()):
        sys.stderr.write("A killed run had left DVC's list of locks half written; it was removed.\n")

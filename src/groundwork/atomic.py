"""Write beside, then rename: nothing under a final name is ever half of what it should be."""

from __future__ import annotations

import glob
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: Begins the names of what is not finished; what a killed run left there is removed by the next.
PARTIAL = ".partial-"


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a name beside a file to write to; it becomes the file where nothing is raised."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{PARTIAL}{path.name}")
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def partial_folder(folder: Path, name: str) -> Iterator[Path]:
    """Yield an empty folder for what is not finished, on the same disk; it is removed afterwards.

    What a killed run left under the same name is removed first; others may be at work in the same folder.

    Args:
        folder: Where the finished files will lie.
        name: Of what is made.
    """
    folder.mkdir(parents=True, exist_ok=True)
    remove_partial(folder, name)
    partial = Path(tempfile.mkdtemp(prefix=f"{PARTIAL}{name}-", dir=folder))
    try:
        yield partial
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def remove_partial(folder: Path, name: str) -> None:
    """Remove what a killed run left of :func:`partial_folder`."""
    # Eight characters are what tempfile appends: another name may begin as this one does.
    for leftover in folder.glob(f"{PARTIAL}{glob.escape(name)}-????????"):
        shutil.rmtree(leftover)


def replace_folder(made: Path, final: Path) -> None:
    """Give a finished folder its name; one that has it is moved beside it, into the folder of the unfinished."""
    if final.exists():
        final.rename(made.with_name("before"))
    made.rename(final)

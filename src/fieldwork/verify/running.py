"""Run the stages of a recipe again in a clone of what is committed, and compare all results with the recorded ones."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from fieldwork.verify.contents import difference
from fieldwork.verify.locks import Cache, Output, VerifyError, read_lock

#: What must be committed, as the clone has nothing else.
_DECIDES = ("src", "conf", "dvc.yaml", "dvc.lock", "requirements.lock", "pyproject.toml", "data")
BASE = "base"
#: The project's cache, as the clone calls it.
_SHELF = "verified"


@dataclass(frozen=True, slots=True)
class Difference:
    """A result that is another than the recorded one."""

    stage: str
    path: str
    #: By what, in words.
    what: str


def verify(project: Path, recipe: str, scratch: Path) -> tuple[int, list[Difference]]:
    """Run everything again in a new folder.

    Args:
        project: With results that DVC recorded, and nothing that is not committed.
        recipe: Whose stages are run.
        scratch: An empty folder, for the clone.

    Returns:
        The number of results that were compared, and those that differ.

    Raises:
        VerifyError: Where something is not committed or recorded, data of the clone is gone, or a stage fails.
    """
    _require_committed(project)
    file = "dvc.yaml" if recipe == BASE else f"conf/{recipe}/dvc.yaml"
    lock = str(PurePosixPath(file).with_suffix(".lock"))
    recorded = read_lock(project / lock)
    cache = Cache(Path(_run(project, "dvc", "cache", "dir").strip()))
    _run(project, "git", "clone", "--quiet", str(project), str(scratch))
    _bring_data(scratch, cache)
    _run(scratch, "dvc", "repro", file, show=True)
    made = read_lock(scratch / lock)
    if recipe != BASE:
        # Of the base, the stages were run whose results the recipe reads.
        base = read_lock(project / "dvc.lock")
        recorded |= {path: output for path, output in base.items() if (scratch / path).exists()}
        made |= read_lock(scratch / "dvc.lock")
    gone = [
        Difference(output.stage, path, "is no longer made") for path, output in recorded.items() if path not in made
    ]
    both = recorded.keys() & made.keys()
    differ = [found for path in sorted(both) for found in _compare(recorded[path], made[path], scratch, cache)]
    return len(recorded), [*gone, *differ]


def _require_committed(project: Path) -> None:
    changed = _run(project, "git", "status", "--porcelain", "--", *_DECIDES).splitlines()
    if changed:
        listed = "".join(f"\n  {line}" for line in changed[:10])
        raise VerifyError(
            f"{project}: not all is committed, and the clone that is run would lack it:{listed}\nCommit it, or put it "
            "away (git stash), and verify again."
        )


def _bring_data(scratch: Path, cache: Cache) -> None:
    """Bring what was added by ``dvc add`` or ``dvc import`` from the project's cache; results are not brought."""
    added = [str(file.relative_to(scratch)) for file in sorted((scratch / "data").rglob("*.dvc"))]
    if not added:
        return
    _run(scratch, "dvc", "remote", "add", "--local", _SHELF, str(cache.root))
    try:
        _run(scratch, "dvc", "pull", "--remote", _SHELF, *added)
    except VerifyError as error:
        raise VerifyError(
            f"Data that the stages read is no longer in DVC's cache ({cache.root}): {error}\nBring it there: dvc pull"
        ) from None


def _compare(recorded: Output, made: Output, scratch: Path, cache: Cache) -> list[Difference]:
    if recorded.md5 == made.md5:
        return []
    before = cache.files_of(recorded)
    if before is None:
        what = "the recorded one is no longer in DVC's cache ('dvc pull' brings it), so that nobody can say by what"
        return [Difference(recorded.stage, recorded.path, what)]
    now = _files_at(scratch / recorded.path)
    found = []
    for place in sorted(before.keys() | now.keys()):
        path = f"{recorded.path}/{place}" if place else recorded.path
        if place not in now or place not in before:
            found.append(Difference(recorded.stage, path, "is no longer made" if place in before else "is made anew"))
        elif before[place].read_bytes() != now[place].read_bytes():
            what = difference(before[place], now[place], PurePosixPath(path).suffix)
            found.append(Difference(recorded.stage, path, what))
    return found


def _files_at(place: Path) -> dict[str, Path]:
    if place.is_file():
        return {"": place}
    return {file.relative_to(place).as_posix(): file for file in sorted(place.rglob("*")) if file.is_file()}


def _run(folder: Path, *words: str, show: bool = False) -> str:
    """Run a program of the environment in a folder, and return what it printed, or show it."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    pipe = None if show else subprocess.PIPE
    done = subprocess.run(
        words, cwd=folder, env={**os.environ, "PATH": path}, stdout=pipe, stderr=pipe, text=True, check=False
    )
    if done.returncode:
        said = f": {(done.stderr or done.stdout).strip()[-2000:]}" if pipe else ", as is said above"
        raise VerifyError(f"'{' '.join(words)}' failed in {folder}{said}")
    return done.stdout or ""

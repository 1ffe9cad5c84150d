"""What processes that train together leave in files for the one that has started them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TypeAlias

from pydantic import ValidationError

from groundwork.atomic import whole_file
from groundwork.errors import GroundworkError
from groundwork.strict import Config

#: A row of the history for each epoch.
Rows: TypeAlias = list[dict[str, float]]
#: In the folder of a run, once it is complete.
FINISHED = "history.json"
_FAILURE = "failure-{rank}.json"


class Failure(Config):
    """What a process refuses."""

    #: Name of the class of the error.
    kind: str
    message: str


def leave_finished(folder: Path, rows: Rows) -> None:
    """Say that a run is complete."""
    with whole_file(folder / FINISHED) as partial:
        partial.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


def finished_in(folder: Path) -> Rows | None:
    """Return the rows of a run that is complete; None where it is not."""
    try:
        rows: Rows = json.loads((folder / FINISHED).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    return rows


def leave_failure(folder: Path, rank: int, error: GroundworkError) -> None:
    """Say what a process refuses."""
    failure = Failure(kind=type(error).__name__, message=str(error))
    with whole_file(folder / _FAILURE.format(rank=rank)) as partial:
        partial.write_text(failure.model_dump_json() + "\n", encoding="utf-8")


def failures_in(folder: Path) -> list[Failure]:
    """Return what processes refuse, the first one first."""
    files = sorted(folder.glob(_FAILURE.format(rank="*")), key=lambda file: file.stat().st_mtime_ns)
    found = []
    for file in files:
        try:
            found.append(Failure.model_validate_json(file.read_text(encoding="utf-8")))
        except ValidationError:
            continue
    return found


def forget_failures(folder: Path) -> None:
    """Remove what was left by an earlier start."""
    for file in folder.glob(_FAILURE.format(rank="*")):
        file.unlink()

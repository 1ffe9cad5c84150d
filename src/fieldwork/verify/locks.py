"""What ``dvc.lock`` records of the results of each stage."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml


class VerifyError(Exception):
    """Results that cannot be verified."""


@dataclass(frozen=True, slots=True)
class Output:
    """A result: a file, or a folder of files."""

    stage: str
    path: str
    #: Of the content. That of a folder ends with ``.dir``.
    md5: str


def read_lock(file: Path) -> dict[str, Output]:
    """Return the results that a lock file records, by their paths.

    Raises:
        VerifyError: Where there is no such file, or none that DVC wrote.
    """
    if not file.is_file():
        raise VerifyError(f"{file} is missing: nothing was recorded that could be verified. Run 'dvc repro' first.")
    stated: Any = yaml.safe_load(file.read_text("utf-8"))
    stages = stated.get("stages") if isinstance(stated, dict) else None
    if not isinstance(stages, dict):
        raise VerifyError(f"{file}: found no 'stages', which DVC writes. Take it from the history: git restore {file}")
    outputs = [
        Output(stage, entry["path"], entry["md5"])
        for stage, values in stages.items()
        for entry in values.get("outs", ())
        if "md5" in entry
    ]
    return {output.path: output for output in outputs}


@dataclass(frozen=True, slots=True)
class Cache:
    """Contents that DVC keeps."""

    root: Path

    def files_of(self, output: Output) -> dict[str, Path] | None:
        """Return the files of a result by their places in it; "" for a single one. None: they are no longer kept."""
        content = self._place(output.md5)
        if not output.md5.endswith(".dir"):
            return {"": content} if content.is_file() else None
        if not content.is_file():
            return None
        entries = json.loads(content.read_text("utf-8"))
        files = {entry["relpath"]: self._place(entry["md5"]) for entry in entries}
        return files if all(file.is_file() for file in files.values()) else None

    def _place(self, md5: str) -> Path:
        return self.root / "files/md5" / md5[:2] / md5[2:]

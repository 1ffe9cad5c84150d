"""Run the real commands in copies of the project. Small settings keep them short; nothing else is changed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]

#: Parameter file -> keys, and the values that make a run short. Threads that wait for each other take many times as
#: long where something else runs, as other tests do.
SHORT = {
    "parameters_sample_data.yml": {"sample_data": {"num_scenes": 6}},
    "parameters_data.yml": {"data": {"chips": {"stride": 128}}},
    "parameters_training.yml": {"training": {"max_epochs": 2, "loader": {"batch_size": 4}, "threads": 1}},
    "parameters_evaluation.yml": {"evaluation": {"baseline_pixels": 2000}},
}


def command(
    folder: Path, *words: str, check: bool = True, more: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command of the environment in a folder, with more variables."""
    result = subprocess.run(
        words, cwd=folder, env={**environment(), **(more or {})}, capture_output=True, text=True, check=False
    )
    if check and result.returncode != 0:
        raise AssertionError(f"{words} failed:\n{result.stdout[-6000:]}\n{result.stderr[-6000:]}")
    return result


def environment() -> dict[str, str]:
    """Return the environment in which a user of the project works."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    # The installed package is the checkout's; a copy must use its own source, as Kedro puts it first on the path.
    return {**os.environ, "PATH": path, "DO_NOT_TRACK": "1", "OMP_NUM_THREADS": "1", "COLUMNS": "200"}


def copy_project(folder: Path) -> Path:
    """Copy what git would give a clone, make the settings short, and commit."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in listed.stdout.splitlines():
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    for name, changes in SHORT.items():
        file = folder / "conf/base" / name
        file.write_text(yaml.safe_dump(merge(yaml.safe_load(file.read_text("utf-8")), changes)), encoding="utf-8")
    # Two copies of one state are one commit, whenever they were made.
    when = dict.fromkeys(("GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE"), "2024-06-30T12:00:00Z")
    for words in (("init", "-q"), ("add", "-A"), ("commit", "-qm", "start")):
        command(folder, "git", "-c", "user.name=test", "-c", "user.email=test@example.org", *words, more=when)
    return folder


def merge(base: dict[str, object], changes: dict[str, object]) -> dict[str, object]:
    merged = dict(base)
    for key, value in changes.items():
        old = merged.get(key)
        merged[key] = merge(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged

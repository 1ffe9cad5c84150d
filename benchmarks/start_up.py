"""Seconds of ``kedro registry list`` here against an empty Kedro project."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
KEDRO = str(Path(sys.executable).with_name("kedro"))


def main() -> None:
    """Measure both in turns, and print the ratio of the best."""
    with tempfile.TemporaryDirectory() as folder:
        words = [KEDRO, "new", "--name", "empty", "--tools", "none", "--example", "n", "--telemetry", "no"]
        subprocess.run(words, cwd=folder, check=True, capture_output=True)
        empty = Path(folder) / "empty"
        ours, theirs = [], []
        for _ in range(5):
            theirs.append(seconds(empty))
            ours.append(seconds(ROOT))
    print(f"here {min(ours):.1f} s, empty project {min(theirs):.1f} s: {min(ours) / min(theirs):.2f}")


def seconds(project: Path) -> float:
    """Return the seconds of listing a project's pipelines."""
    start = time.perf_counter()
    subprocess.run([KEDRO, "registry", "list"], cwd=project, check=True, capture_output=True)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()

"""Seconds of ``groundwork models list`` against a bare ``import pydantic``, in turns."""

from __future__ import annotations

import subprocess
import sys
import time

ROUNDS = 9


def main() -> None:
    """Print the best of each, and their ratio."""
    listing = [sys.executable, "-m", "groundwork.cli.main", "models", "list"]
    bare = [sys.executable, "-c", "import pydantic"]
    times = [[seconds(command) for command in (listing, bare)] for _ in range(ROUNDS)]
    best = [min(column) for column in zip(*times, strict=True)]
    print(f"groundwork models list {best[0]:.3f} s, import pydantic {best[1]:.3f} s: {best[0] / best[1]:.2f}")


def seconds(command: list[str]) -> float:
    """Return how long a command takes."""
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()

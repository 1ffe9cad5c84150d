"""Tasks for worker processes, some of which lose theirs. A module of its own, as processes import it by name."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

from groundwork.errors import RasterError


def double(number: int) -> int:
    return 2 * number


def die_once(task: tuple[int, Path]) -> int:
    """Take the process with it the first time that the task 3 is done."""
    number, marker = task
    if number == 3 and not marker.exists():
        marker.touch()
        os._exit(1)
    return 2 * number


def own_gpu(task: tuple[int, Path]) -> tuple[int, str | None]:
    """Say which GPU this process sees, when two are at work. Before that, one is lost at the task 3, all undone."""
    number, folder = task
    lost = folder.with_name("lost")
    before = not lost.exists()
    (folder / str(os.getpid())).touch()
    # Those of before the loss have gone when others take their places.
    while sum(is_there(int(path.name)) for path in folder.iterdir()) < 2:
        time.sleep(0.01)
    if before and number == 3:
        lost.touch()
        os._exit(1)
    while before:
        # Ended with the pool.
        time.sleep(0.01)
    return os.getpid(), os.environ.get("CUDA_VISIBLE_DEVICES")


def is_there(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{process}/stat")
    # One that has ended and is not asked after by whoever should is none.
    return not (state.exists() and state.read_text().rpartition(")")[2].split()[0] == "Z")


def rest(folder: Path) -> None:
    (folder / str(os.getpid())).touch()
    time.sleep(100)


def die(number: int) -> int:
    os._exit(number)


def refuse(number: int) -> int:
    raise RasterError(f"{number}.tif", "nothing", "something", "Look.")


def threads(_: int) -> dict[str, Any]:
    found = {name: value for name, value in os.environ.items() if name.endswith("_NUM_THREADS")}
    return found | {"process": os.getpid(), "heavy": sorted({"torch", "rasterio", "numpy"} & set(sys.modules))}


def die_at_scene(marker: Path) -> None:
    """Let this process die when it is in the middle of looking through scene p4, once for all processes."""
    from groundwork.data import scan

    look_through = scan._scan_scene

    def dying(task: scan._Task) -> scan._Found:
        if task.key == "p4" and not marker.exists():
            marker.touch()
            os._exit(1)
        return look_through(task)

    scan._scan_scene = dying

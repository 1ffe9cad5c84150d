"""A progress bar for whatever takes longer than two seconds."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

Item = TypeVar("Item")

PATIENCE_S = 2.0


def track(items: Iterable[Item], description: str, total: int) -> Iterator[Item]:
    """Yield the items; show a bar on the terminal once two seconds have passed.

    Args:
        items: What is worked through.
        description: What is being done, for the person at the terminal.
        total: Number of items.
    """
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    bar = Progress(*columns, transient=True)
    started = time.monotonic()
    task = bar.add_task(description, total=total)
    try:
        for done, item in enumerate(items):
            if not bar.live.is_started and time.monotonic() - started > PATIENCE_S:
                bar.start()
            bar.update(task, completed=done)
            yield item
    finally:
        bar.stop()

"""A progress bar for whatever takes longer than two seconds."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from rich import get_console
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
    # Without a terminal each bar would leave an empty line in the log.
    bar = Progress(*columns, transient=True, disable=not get_console().is_terminal)
    started = time.monotonic()
    task, is_shown = bar.add_task(description, total=total), False
    try:
        for done, item in enumerate(items):
            if not is_shown and time.monotonic() - started > PATIENCE_S:
                bar.start()
                is_shown = True
            bar.update(task, completed=done)
            yield item
    finally:
        bar.stop()

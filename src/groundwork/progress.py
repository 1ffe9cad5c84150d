"""How far work has come that takes longer than two seconds: a bar on a terminal, a line now and then in a log."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterable, Iterator
from threading import Lock
from typing import Literal, TypeVar, get_args

from rich import get_console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from groundwork.errors import ProgressError
from groundwork.strict import did_you_mean

logger = logging.getLogger(__name__)

Item = TypeVar("Item")
#: How progress is shown: ``bar``, ``lines`` in the log, or ``none``.
Mode = Literal["bar", "lines", "none"]

PATIENCE_S = 2.0
#: Time between two lines in a log.
BETWEEN_LINES_S = 30.0
#: Environment variable that names a mode. Without it, there is a bar on a terminal, and lines elsewhere.
VARIABLE = "GROUNDWORK_PROGRESS"
#: A console shows one bar at a time; what works beside it, in another thread, shows none.
_ONE_BAR = Lock()


class RateColumn(ProgressColumn):
    """Items per second, or seconds per item where that is more."""

    def render(self, task: Task) -> Text:
        """Return the rate, empty where it is not known yet."""
        return Text(rate_in_words(task.speed) if task.speed else "", style="progress.data.speed")


def speak_at_terminal() -> None:
    """Let what the library has to say appear while a command of its own runs; programs set up logging by themselves."""
    logging.basicConfig(format="%(message)s")
    logging.getLogger("groundwork").setLevel(logging.INFO)


def mode() -> Mode:
    """Return how progress is shown.

    Raises:
        ProgressError: Where the environment variable names no mode.
    """
    given = os.environ.get(VARIABLE)
    modes: tuple[Mode, ...] = get_args(Mode)
    for known in modes:
        if known == given:
            return known
    if given:
        near = did_you_mean(given, modes)
        raise ProgressError(f"{VARIABLE}={given}: there is no such way to show progress.{near} Known: {list(modes)}")
    return "bar" if get_console().is_terminal else "lines"


def track(items: Iterable[Item], description: str, total: int) -> Iterator[Item]:
    """Yield the items; show how far they have come, how fast and how long it will take, once two seconds have passed.

    Args:
        items: What is worked through.
        description: What is being done, for the person at the terminal.
        total: Number of items.

    Raises:
        ProgressError: Where the environment variable names no mode.
    """
    shown = mode()
    if shown == "bar":
        return _with_bar(items, description, total)
    return _with_lines(items, description, total) if shown == "lines" else iter(items)


def _with_bar(items: Iterable[Item], description: str, total: int) -> Iterator[Item]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), RateColumn(), TimeRemainingColumn())
    bar = Progress(*columns, transient=True)
    started = time.monotonic()
    task, is_shown = bar.add_task(description, total=total), False
    try:
        for done, item in enumerate(items):
            if not is_shown and time.monotonic() - started > PATIENCE_S and _ONE_BAR.acquire(blocking=False):
                bar.start()
                is_shown = True
            bar.update(task, completed=done)
            yield item
            # Else it would lie in memory while the next one is made.
            del item
    finally:
        if is_shown:
            bar.stop()
            _ONE_BAR.release()


def _with_lines(items: Iterable[Item], description: str, total: int) -> Iterator[Item]:
    lines = Lines(description, total)
    for done, item in enumerate(items):
        lines.tell(done)
        yield item
        # As above.
        del item


class Lines:
    """Says in the log how far something has come, at most every half a minute."""

    def __init__(self, description: str, total: int) -> None:
        """Begin.

        Args:
            description: What is being done.
            total: Number of items.
        """
        self._description, self._total = description, total
        self._started = self._told = time.monotonic()

    def tell(self, done: int) -> None:
        """Say it, where the last line is long enough ago.

        Args:
            done: Number of items that are done.
        """
        now = time.monotonic()
        if done and now - self._told >= BETWEEN_LINES_S:
            self._told = now
            rate = done / (now - self._started)
            left = duration_in_words((self._total - done) / rate)
            logger.info("%s: %d of %d, %s, %s left", self._description, done, self._total, rate_in_words(rate), left)


def rate_in_words(rate: float) -> str:
    """Return a rate in items per second as text."""
    return f"{rate:.1f}/s" if rate >= 1 else f"{1 / rate:.1f} s each"


def duration_in_words(seconds: float) -> str:
    """Return a duration as text, in seconds, minutes or hours."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"

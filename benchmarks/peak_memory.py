"""Peak memory of a process, and how much of it is its own: pages of libraries' files are shared by all processes."""

from __future__ import annotations

from pathlib import Path
from threading import Event, Thread
from types import TracebackType
from typing import Self

#: Seconds between two looks. The kernel keeps the peak of all memory, and none of private memory.
BETWEEN_LOOKS_S = 0.01


class PeakMemory:
    """Watches this process while the context lasts."""

    def __init__(self) -> None:
        self._private, self._done, self._thread = 0, Event(), Thread(target=self._watch)

    def in_mb(self) -> tuple[int, int]:
        """Return the peak of all memory since the process began, and of private memory within the context.

        What ``getrusage`` calls the peak may be that of the process which started this one.
        """
        return _in_kb("VmHWM") // 1024, self._private // 1024

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while True:
            self._private = max(self._private, _in_kb("RssAnon"))
            if self._done.wait(BETWEEN_LOOKS_S):
                return


def _in_kb(name: str) -> int:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name))

"""A process that is told to end takes away what it has half written, as it does after Ctrl-C."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from groundwork.errors import Ended

#: As shells have it of a program that a signal ended: this, and the number of the signal.
SIGNALLED = 128


@contextmanager
def ending_orderly() -> Iterator[None]:
    """Let SIGTERM, which queues of jobs, containers and ``kill`` send, leave through all that is to be closed.

    By itself it ends Python at once, and partial files stay behind until the next run. Who handles the signal already,
    such as a server, goes on doing so; only the main thread may set handlers.
    """
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return
    owner = os.getpid()

    def leave(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - as Python calls it
        if os.getpid() != owner:
            # A forked process is ended by who forked it, and has nothing of its own to close.
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        raise Ended(SIGNALLED + number)

    signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)

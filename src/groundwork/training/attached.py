"""What ties a process to the one that has started it: it ends with it, and says all to it.

Imports nothing heavy, so that a process is tied before it has loaded what it works with.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from threading import Thread


class JsonLines(logging.Formatter):
    """Records as lines that :func:`say_again` reads."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line."""
        message = logging.Formatter.format(self, record)
        return json.dumps({"name": record.name, "level": record.levelno, "message": message})


def say_again(line: str) -> None:
    """Log what another process has said, as if it was said here; what is no record is said by this module."""
    try:
        record = json.loads(line)
        logging.getLogger(record["name"]).log(record["level"], "%s", record["message"])
    except (ValueError, TypeError, KeyError):
        logging.getLogger(__name__).info("%s", line)


def end_with_input() -> None:
    """End this process once its input does: whoever has started it is gone, or wants no more of it."""
    Thread(target=_wait_for_end, daemon=True).start()


def _wait_for_end() -> None:
    while os.read(sys.stdin.fileno(), 1024):
        pass
    os._exit(1)

"""Python's search for cycles, where it costs more than all else and finds nothing."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_collector() -> Iterator[None]:
    """Search for no cycles meanwhile, neither in what is imported for good nor in thousands of lists of a moment.

    New objects make Python walk through all that there are, again and again: half a million beside torch.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()

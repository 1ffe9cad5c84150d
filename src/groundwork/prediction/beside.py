"""Work that is done beside other work: reading ahead, and adding up, while a model computes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from types import TracebackType
from typing import Self, TypeVar, final

import rasterio
import torch

Item = TypeVar("Item")

#: Of so few threads, a network waits for each that something else takes a core from.
FEW_THREADS = 2


def has_room(device: torch.device) -> bool:
    """Whether something may work beside a model: another device computes, or there are cores to spare.

    Args:
        device: What the model computes on.
    """
    return device.type != "cpu" or torch.get_num_threads() > FEW_THREADS


@contextmanager
def decoding_with_all() -> Iterator[None]:
    """Let rasters that are opened meanwhile be decoded by all threads of a model that waits for them.

    With more threads they are decoded beside the model, and one of them does.
    """
    threads = torch.get_num_threads()
    with nullcontext() if not 1 < threads <= FEW_THREADS else rasterio.Env(GDAL_NUM_THREADS=str(threads)):
        yield


@final
class Beside:
    """Does pieces of work, in their order, beside what goes on; without room, each when its result is asked for."""

    def __init__(self, room: bool) -> None:
        self._pool = ThreadPoolExecutor(max_workers=1) if room else None

    def begin(self, work: Callable[[], Item]) -> Callable[[], Item]:
        """Begin a piece of work, and return what gives its result; it must be asked."""
        return work if self._pool is None else self._pool.submit(work).result

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown()


def run_ahead(items: Iterator[Item], room: bool) -> Iterator[Item]:
    """Yield the items; where there is room, the next one is made while the one before is worked on."""
    with Beside(room) as worker:
        pending = worker.begin(lambda: next(items, None))
        while (item := pending()) is not None:
            pending = worker.begin(lambda: next(items, None))
            yield item
            # Else it would lie in memory while the next one is made.
            del item

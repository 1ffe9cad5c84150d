"""Work on a bounded number of requests at a time, let a bounded number wait, and count what became of all."""

from __future__ import annotations

import asyncio
import queue
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from groundwork.serving.predictor import Predictor
from groundwork.serving.refusals import RefusedError

#: Seconds after which it is worth asking again.
RETRY_AFTER_S = 5


class Workers:
    """Predictors, each in a thread of its own.

    Places are given and counted in the thread of the event loop alone.

    Args:
        predictors: Each works on one request at a time.
        max_waiting: Requests that may wait beside.
    """

    def __init__(self, predictors: Sequence[Predictor], max_waiting: int) -> None:
        self._free: queue.SimpleQueue[Predictor] = queue.SimpleQueue()
        for predictor in predictors:
            self._free.put(predictor)
        self._pool = ThreadPoolExecutor(len(predictors), thread_name_prefix="predictor")
        self._most = len(predictors) + max_waiting
        self.taken = 0
        #: Status of HTTP -> answers that had it.
        self.answers: Counter[int] = Counter()
        self.seconds = 0.0

    @property
    def is_full(self) -> bool:
        """Whether the next request is told to come back."""
        return self.taken >= self._most

    @contextmanager
    def place(self) -> Iterator[None]:
        """Hold a place, from before the raster is received.

        Raises:
            RefusedError: Where all are taken.
        """
        if self.is_full:
            raise RefusedError(
                429, f"{self.taken} requests are under way, and no more may wait. Ask again.", RETRY_AFTER_S
            )
        self.taken += 1
        try:
            yield
        finally:
            self.taken -= 1

    async def run(self, work: Callable[[Predictor], Path]) -> Path:
        """Let the next free predictor do something, and wait for it."""
        start = time.monotonic()
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, self._with_predictor, work)
        finally:
            self.seconds += time.monotonic() - start

    def close(self) -> None:
        """End when what is under way is done."""
        self._pool.shutdown(cancel_futures=True)

    def metrics(self) -> str:
        """Return the counts in the text format of Prometheus."""
        counts = [
            f'groundwork_requests_total{{status="{status}"}} {count}' for status, count in sorted(self.answers.items())
        ]
        lines = [
            "# HELP groundwork_requests_total Answers by status.",
            "# TYPE groundwork_requests_total counter",
            *counts,
            "# HELP groundwork_prediction_seconds_total Seconds that predictions took, with waiting.",
            "# TYPE groundwork_prediction_seconds_total counter",
            f"groundwork_prediction_seconds_total {self.seconds:.6f}",
            "# HELP groundwork_requests_under_way Requests that are worked on or wait.",
            "# TYPE groundwork_requests_under_way gauge",
            f"groundwork_requests_under_way {self.taken}",
        ]
        return "\n".join([*lines, ""])

    def _with_predictor(self, work: Callable[[Predictor], Path]) -> Path:
        predictor = self._free.get()
        try:
            return work(predictor)
        finally:
            self._free.put(predictor)

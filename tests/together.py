"""Processes that train together, as torchrun starts them, forked from this one: loading PyTorch anew takes longer."""

from __future__ import annotations

import os
import signal
import socket
import time
import traceback
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path

from groundwork.training import worker
from groundwork.training.callbacks import SeedEachEpoch


def train_together(folder: Path, count: int, before: Callable[[int], None] = lambda _: None) -> list[int | None]:
    """Start processes on a folder, wait for them, and return how they ended.

    Args:
        folder: What the command that trains has written.
        count: How many; each stands for a machine of its own.
        before: Is called in each process with its number.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    context = get_context("fork")
    started = [context.Process(target=_be, args=(folder, rank, count, port, before)) for rank in range(count)]
    for process in started:
        process.start()
    # As the agent of torchrun does: where one has failed, the others are ended.
    while any(process.is_alive() for process in started):
        if any(process.exitcode for process in started):
            for process in started:
                process.terminate()
        time.sleep(0.05)
    return [process.exitcode for process in started]


def _be(folder: Path, rank: int, count: int, port: int, before: Callable[[int], None]) -> None:
    os.environ |= {
        "RANK": str(rank),
        "LOCAL_RANK": "0",
        "GROUP_RANK": str(rank),
        "WORLD_SIZE": str(count),
        "LOCAL_WORLD_SIZE": "1",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "TORCHELASTIC_RUN_ID": "test",
    }
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    before(rank)
    try:
        worker._end(worker.main([str(folder)]))
    except BaseException:  # noqa: BLE001 - the process ends with it, whatever it is
        # An error that is no refusal, as where another process is gone.
        traceback.print_exc()
        worker._end(1)


def die_in_second_epoch(rank: int) -> None:
    """Let the second process be killed when its second epoch begins."""
    if rank != 1:
        return
    seed = SeedEachEpoch.on_train_epoch_start

    def dying(self: SeedEachEpoch, trainer: object, module: object) -> None:
        if trainer.current_epoch == 1:  # type: ignore[attr-defined]
            os.kill(os.getpid(), signal.SIGKILL)
        seed(self, trainer, module)  # type: ignore[arg-type]

    SeedEachEpoch.on_train_epoch_start = dying  # type: ignore[method-assign]

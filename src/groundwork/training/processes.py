"""Start the processes that train together, and bring back what they have found."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from threading import Thread
from typing import IO

import torch
from lightning import Trainer

from groundwork import errors
from groundwork.config.training import TrainingConfig
from groundwork.errors import GroundworkError, RasterError, TrainingError
from groundwork.training.attached import say_again
from groundwork.training.checks import DEFAULTS, build_trainer
from groundwork.training.messages import INTERRUPTED
from groundwork.training.process import training_process
from groundwork.training.reports import Failure, Rows, failures_in, finished_in, forget_failures
from groundwork.training.specification import Run, write_run

logger = logging.getLogger(__name__)

WORKER = "groundwork.training.worker"
#: Seconds in which processes end that were told to.
PATIENCE_S = 40
#: Characters of what processes wrote last, where none of them says what is wrong.
SHOWN = 4000


def train_in_processes(run: Run, trainer: Trainer) -> Rows:
    """Train in several processes, and return the rows of the history.

    The best weights and the last whole state lie in the run's folder then. A run that is complete gives its rows again.

    Args:
        run: What the training is made from.
        trainer: Says how many processes there are on how many machines.

    Raises:
        GroundworkError: What a process refuses, as it would in a training of one process.
        TrainingError: Where processes end without a word, or are started by somebody else, on several machines.
    """
    rows = finished_in(run.folder)
    if rows is not None:
        return rows
    folder = write_run(run)
    forget_failures(folder)
    if trainer.num_nodes > 1:
        raise TrainingError(_start_on_machines(folder, trainer))
    logger.info("Training in %d processes", trainer.world_size)
    _start(folder, trainer.num_devices)
    rows = finished_in(run.folder)
    if rows is None:
        raise TrainingError(f"The processes of the training ended, and left no history in {run.folder}. Run it again.")
    return rows


def _start_on_machines(folder: Path, trainer: Trainer) -> str:
    command = (
        f"torchrun --nnodes {trainer.num_nodes} --nproc-per-node {trainer.num_devices} --rdzv-backend c10d "
        f"--rdzv-endpoint <name of one of them>:29500 -m {WORKER} {folder}"
    )
    return (
        f"This training runs on {trainer.num_nodes} machines, and is started on each of them, where the folders of the "
        f"project lie at the same place:\n  {command}\nThen run this command again: it takes over what they have found."
    )


def _start(folder: Path, count: int) -> None:
    """Start processes on this machine, and wait until they have ended."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(count)]
    # A user's own modules may be on the path of this process alone.
    path = os.pathsep.join(place for place in sys.path if place)
    with TemporaryFile() as written:
        process = subprocess.Popen(
            [*command, "-m", WORKER, str(folder), "--attached"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=written,
            env={**os.environ, "PYTHONPATH": path},
            # Ctrl-C reaches this process alone, which ends the others in order.
            start_new_session=True,
        )
        with _attached(process):
            code = process.wait()
        if code:
            raise _failure(folder, written, code)


@contextmanager
def _attached(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Hand on what the processes say, and end them where this one is interrupted or fails.

    They end by themselves where their input does: when this process is killed, nobody else is there to end them.

    Raises:
        TrainingError: For Ctrl-C.
    """
    reader = Thread(target=_hand_on, args=(process.stdout,), daemon=True)
    reader.start()
    try:
        yield
    except KeyboardInterrupt:
        raise TrainingError(INTERRUPTED) from None
    finally:
        if process.stdin is not None:
            process.stdin.close()
        process.terminate()
        try:
            process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
        reader.join(PATIENCE_S)
        if process.stdout is not None and not reader.is_alive():
            process.stdout.close()


def _hand_on(lines: IO[bytes]) -> None:
    for line in lines:
        say_again(line.decode(errors="replace").rstrip("\n"))


def _failure(folder: Path, written: IO[bytes], code: int) -> GroundworkError:
    """Return what went wrong first: the processes that wait for the one that failed fail after it."""
    failures = failures_in(folder)
    if failures:
        return _again(failures[0])
    written.seek(0)
    text = written.read().decode(errors="replace").strip()
    return TrainingError(
        f"A process of the training ended by itself (code {code}), and no other could go on. What they wrote last:\n"
        f"{text[-SHOWN:]}"
    )


def _again(failure: Failure) -> GroundworkError:
    """Return the error that a process has met."""
    kind = getattr(errors, failure.kind, TrainingError)
    if kind is RasterError:
        return RasterError(f"RasterError: {failure.message}")
    error = kind(failure.message)
    return error if isinstance(error, GroundworkError) else TrainingError(failure.message)


def threads_of(training: TrainingConfig) -> int:
    """Return how many threads each process computes with: as stated, or its share of what PyTorch would take."""
    if training.threads is not None:
        return training.threads
    with training_process(0, None):
        count = build_trainer(training, {**DEFAULTS, "enable_progress_bar": False}).num_devices
    return max(torch.get_num_threads() // count, 1)

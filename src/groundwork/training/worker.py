"""One of several processes that train together: ``torchrun ... -m groundwork.training.worker <folder>``.

The folder is the one that the command which trains has written; see :mod:`groundwork.training.specification`. What is
found lies in the folder of the run then: best weights, last state, history.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import NoReturn

from lightning import Callback, LightningModule, Trainer

from groundwork.errors import GroundworkError, TrainingError
from groundwork.training.attached import JsonLines, end_with_input
from groundwork.training.best_mean import measure_mean
from groundwork.training.fit import prepare, train
from groundwork.training.process import training_process
from groundwork.training.reports import leave_failure, leave_finished
from groundwork.training.specification import read_run
from groundwork.training.trust import explained

logger = logging.getLogger(__name__)


class EndAtOnce(Callback):
    """Lets the process be ended while it waits for others, who may never answer; Lightning would answer them first."""

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:  # noqa: ARG002
        """Take Lightning's hand off the signal."""
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def main(arguments: Sequence[str] | None = None) -> int:
    """Train as one of several processes; 0 where all is well."""
    parser = argparse.ArgumentParser(prog="groundwork.training.worker", description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, help="what the command that trains has written")
    parser.add_argument("--attached", action="store_true", help="say all to, and end with, whoever has started it")
    options = parser.parse_args(arguments)
    rank = int(os.environ.get("RANK", "0"))
    _speak(first=rank == 0, attached=options.attached)
    if options.attached:
        end_with_input()
    try:
        _train(options.folder, rank)
    except GroundworkError as error:
        leave_failure(options.folder, rank, error)
        if not options.attached:
            logger.error("%s: %s", type(error).__name__, error)  # noqa: TRY400 - the message says all
        return 1
    return 0


def _train(folder: Path, rank: int) -> None:
    run = read_run(folder)
    with training_process(run.seed, run.training.threads):
        prepared = prepare(run, [EndAtOnce()])
        _require_all(prepared.trainer)
        train(prepared)
        with explained(run.training, prepared.trainer):
            measure_mean(prepared.task, prepared.trainer, prepared.keep)
    if rank == 0:
        leave_finished(run.folder, prepared.history.rows)


def _require_all(trainer: Trainer) -> None:
    started = int(os.environ.get("WORLD_SIZE", "1"))
    if started != trainer.num_nodes * trainer.num_devices:
        raise TrainingError(
            f"{started} process(es) were started, and training.trainer asks for {trainer.num_devices} on each of "
            f"{trainer.num_nodes} machine(s). Start as many, or correct 'devices' and 'num_nodes'"
        )


def _speak(*, first: bool, attached: bool) -> None:
    """Let the first process say what happens; the others say only what goes wrong."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonLines() if attached else logging.Formatter("%(message)s"))
    logging.basicConfig(level=logging.INFO if first else logging.ERROR, handlers=[handler], force=True)
    logging.captureWarnings(first)


def _end_with(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    sys.__excepthook__(kind, error, trace)
    _end(1)


def _end(code: int) -> NoReturn:
    """End at once: what the others still wait for would be waited for here too."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    sys.excepthook = _end_with
    _end(main())

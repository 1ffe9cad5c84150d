"""Do the same task for many scenes: in this process, in several, or on a cluster.

Imports nothing heavy: a process that begins here limits its threads before NumPy and PyTorch count the cores.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from multiprocessing import get_context, parent_process
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from groundwork.config.workforce import Workforce
from groundwork.errors import DataError

if TYPE_CHECKING:
    from multiprocessing.queues import Queue

    from distributed import Client

logger = logging.getLogger(__name__)

Task = TypeVar("Task")
Result = TypeVar("Result")
#: Gives the tasks, by name, that can be done now that the one of a name is, given its result.
Follow: TypeAlias = Callable[[str, Result], Mapping[str, Task]]

#: Variables by which libraries are told how many threads they may use.
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "GDAL_NUM_THREADS")
#: So often in a row processes may be lost without any task being done.
MOST_LOSSES = 3
#: Where a scheduler that is begun here says how it does: to this machine alone.
ANY_PORT = "127.0.0.1:0"
#: Time in which a scheduler answers, in seconds.
PATIENCE_S = 30


def _nothing(name: str, result: object) -> Mapping[str, Any]:  # noqa: ARG001 - see Follow
    return {}


def run_tasks(
    function: Callable[[Task], Result],
    tasks: Mapping[str, Task],
    config: Workforce,
    gpus: Sequence[str] = (),
    follow: Follow[Result, Task] = _nothing,
) -> Iterator[tuple[str, Result]]:
    """Yield the result of each task with its name, as they are done, in whatever order.

    A task whose process was lost is done again by another: tasks leave nothing behind but their result.

    Args:
        function: Does a task; a function of a module, as it travels to other processes.
        tasks: Name -> what is to be done.
        config: Who does it.
        gpus: What CUDA calls the GPUs of this machine: each process of this machine sees one of them, and where there
            are more processes, they share. Workers of a cluster see what whoever began them lets them see.
        follow: Gives what else is to be done by them, once a task is.

    Raises:
        DataError: Where processes are lost again and again, or there is no cluster.
    """
    if config.engine == "dask":
        yield from _on_cluster(function, tasks, config, follow)
    elif config.workers == 1 or len(tasks) == 1:
        yield from _here(function, tasks, follow)
    else:
        yield from _in_processes(function, tasks, min(config.workers, len(tasks)), gpus, follow)


def _here(
    function: Callable[[Task], Result], tasks: Mapping[str, Task], follow: Follow[Result, Task]
) -> Iterator[tuple[str, Result]]:
    for name, task in tasks.items():
        result = function(task)
        yield name, result
        yield from _here(function, follow(name, result), follow)


def use_one_thread() -> None:
    """Keep this process to one thread: others work beside it."""
    for name in THREADS:
        os.environ[name] = "1"
    if "torch" in sys.modules:
        # A library that was loaded already has counted the cores.
        sys.modules["torch"].set_num_threads(1)


def _begin(own_gpus: Queue[str] | None) -> None:
    """Make a process ready to work beside others."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    use_one_thread()
    if own_gpus is not None:
        # Read when CUDA is first used. The only one that is seen is the first.
        os.environ["CUDA_VISIBLE_DEVICES"] = own_gpus.get()


def _end_with_parent() -> None:
    """End this process once the one that began it is gone, as when that was killed: no task would come any more."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _in_processes(
    function: Callable[[Task], Result],
    tasks: Mapping[str, Task],
    workers: int,
    gpus: Sequence[str],
    follow: Follow[Result, Task],
) -> Iterator[tuple[str, Result]]:
    waiting, losses = dict(tasks), 0
    # A process that is forked would share open files of GDAL, and the place in them, with this one.
    context = get_context("spawn")
    while waiting:
        own_gpus: Queue[str] = context.Queue()
        for number in range(workers) if gpus else ():
            own_gpus.put(gpus[number % len(gpus)])
        pool = ProcessPoolExecutor(workers, context, _begin, (own_gpus if gpus else None,))
        try:
            names = {pool.submit(function, task): name for name, task in waiting.items()}
            while names:
                for future in wait(names, return_when=FIRST_COMPLETED).done:
                    result = future.result()
                    losses, name = 0, names.pop(future)
                    del waiting[name]
                    more = follow(name, result)
                    waiting |= more
                    try:
                        names |= {pool.submit(function, task): name for name, task in more.items()}
                    finally:
                        # A pool that broke meanwhile takes no task, but what is done already is not done again.
                        yield name, result
        except BrokenProcessPool as error:
            losses += 1
            if losses == MOST_LOSSES:
                raise _lost(waiting) from error
            logger.warning("A worker process was lost; %d scene(s) are begun again.", len(waiting))
        finally:
            pool.shutdown(cancel_futures=True)


def _lost(waiting: Mapping[str, object]) -> DataError:
    names = sorted(waiting)
    return DataError(
        f"Worker processes were lost {MOST_LOSSES} times in a row, as happens when memory is short, or where a script "
        f"begins them outside of `if __name__ == '__main__':`. {len(names)} scene(s) are not done, such as "
        f"'{names[0]}'. Mend the script, use fewer 'workers', or look into these scenes."
    )


def _on_cluster(
    function: Callable[[Task], Result], tasks: Mapping[str, Task], config: Workforce, follow: Follow[Result, Task]
) -> Iterator[tuple[str, Result]]:
    if find_spec("distributed") is None:
        raise DataError(
            "Engine 'dask' needs its packages: install the extra, by `uv pip install -e '.[dask]'` in the project, or "
            "use engine 'processes'."
        )
    # Each worker tells of its coming and going, in dozens of lines between which warnings of ours would be lost.
    os.environ.setdefault("DASK_LOGGING__DISTRIBUTED", "warning")
    from distributed import KilledWorker  # noqa: PLC0415 - an optional package
    from distributed import as_completed as as_done  # noqa: PLC0415

    with _connected(config) as client:
        # Under names of its own, as another run may have tasks of the same name on the same cluster.
        futures = {client.submit(_alone, function, task, pure=False): name for name, task in tasks.items()}
        waiting = dict(tasks)
        try:
            for future in (done := as_done(list(futures))):
                result: Result = future.result()
                name = futures.pop(future)
                del waiting[name]
                for other, task in follow(name, result).items():
                    waiting[other] = task
                    futures[begun := client.submit(_alone, function, task, pure=False)] = other
                    done.add(begun)
                yield name, result
                future.release()
        except KilledWorker as error:
            raise _lost(waiting) from error


def _alone(function: Callable[[Task], Result], task: Task) -> Result:
    use_one_thread()
    return function(task)


@contextmanager
def _connected(config: Workforce) -> Iterator[Client]:
    """Connect to the scheduler that is named, or begin one with workers on this machine."""
    from distributed import Client, LocalCluster  # noqa: PLC0415 - an optional package

    with ExitStack() as opened:
        if config.scheduler is None:
            # A port that nobody else on this machine has: by itself, each cluster wants the same one.
            cluster = LocalCluster(
                n_workers=config.workers, threads_per_worker=1, processes=True, dashboard_address=ANY_PORT
            )
            yield opened.enter_context(Client(opened.enter_context(cluster)))
            return
        try:
            client = opened.enter_context(Client(config.scheduler, timeout=PATIENCE_S))
        except (OSError, ValueError) as error:
            raise DataError(
                f"Found no scheduler of Dask at {config.scheduler} ({error}). Correct 'scheduler', or leave it out to "
                "begin workers on this machine."
            ) from error
        yield client

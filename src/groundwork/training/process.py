"""What a training changes in its process, and gives back when it is over."""

from __future__ import annotations

import logging
import os
import random
import signal
import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import numpy as np
import torch
from lightning import seed_everything
from torch.utils.data import BatchSampler, DataLoader

#: Environment variables that Lightning sets for seeds and deterministic mode.
VARIABLES = ("PL_GLOBAL_SEED", "PL_SEED_WORKERS", "CUBLAS_WORKSPACE_CONFIG")
#: Methods of loaders that Lightning wraps.
_WRAPPED = ("__init__", "__setattr__", "__delattr__")


@contextmanager
def training_process(seed: int, threads: int | None) -> Iterator[None]:
    """Seed all generators and choose the number of threads; afterwards the process is as it was.

    Deterministic mode, which Lightning's Trainer switches on, its seeds and its hold on Ctrl-C are taken back too: what
    runs behind a training must not differ from what runs alone.

    Args:
        seed: For all generators.
        threads: Threads that PyTorch computes with on the processor; None: as many as it would take.
    """
    with ExitStack() as changes:
        for change in (_keep_torch, _keep_loaders, _keep_variables, _keep_signals, _quiet_lightning, _quiet_warnings):
            changes.enter_context(change())
        changes.enter_context(_keep_generators())
        seed_everything(seed, workers=True, verbose=False)
        if threads is not None:
            torch.set_num_threads(threads)
        yield


@contextmanager
def _keep_torch() -> Iterator[None]:
    deterministic = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    cudnn = torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark
    threads = torch.get_num_threads()
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(deterministic, warn_only=warn_only)
        torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = cudnn
        torch.set_num_threads(threads)


@contextmanager
def _keep_loaders() -> Iterator[None]:
    """Lightning wraps methods of torch's loaders for a moment, and leaves them so where something is refused in it."""
    before = {
        kind: {name: kind.__dict__.get(name) for name in _WRAPPED}
        for base in (DataLoader, BatchSampler)
        for kind in (base, *_below(base))
    }
    try:
        yield
    finally:
        for kind, methods in before.items():
            for name, method in methods.items():
                if kind.__dict__.get(name) is not method:
                    delattr(kind, name) if method is None else setattr(kind, name, method)
                if f"__old{name}" in kind.__dict__:
                    delattr(kind, f"__old{name}")


def _below(kind: type) -> Iterator[type]:
    children: list[type] = kind.__subclasses__()
    for child in children:
        yield child
        yield from _below(child)


@contextmanager
def _keep_generators() -> Iterator[None]:
    ours, numpys = random.getstate(), np.random.get_state()  # noqa: NPY002 - the one that libraries draw from
    try:
        with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
            yield
    finally:
        random.setstate(ours)
        np.random.set_state(numpys)  # noqa: NPY002


@contextmanager
def _keep_variables() -> Iterator[None]:
    before = {name: os.environ.get(name) for name in VARIABLES}
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def _keep_signals() -> Iterator[None]:
    """Lightning ignores Ctrl-C for good after it was pressed once. Only the main thread may set handlers."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGINT)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _quiet_lightning() -> Iterator[None]:
    """Lightning raises its own level when it is imported; its notices and advertisements hide ours."""
    lightning = logging.getLogger("lightning.pytorch")
    before = lightning.level
    lightning.setLevel(logging.WARNING)
    try:
        yield
    finally:
        lightning.setLevel(before)


@contextmanager
def _quiet_warnings() -> Iterator[None]:
    with warnings.catch_warnings():
        # Loaders without worker processes are a choice for small data; GPU advice does not help on a CPU.
        warnings.filterwarnings("ignore", message=r".*does not have many workers.*")
        warnings.filterwarnings("ignore", message=r".*treespec.*is deprecated.*")
        # Losses and scores are those of all processes before they are logged.
        warnings.filterwarnings("ignore", message=r".*sync_dist=True.*")
        # It costs a copy of a small tensor.
        warnings.filterwarnings("ignore", message=r"Grad strides do not match bucket view strides.*")
        # Frozen parts are in evaluation mode on purpose.
        warnings.filterwarnings("ignore", message=r".*in eval mode at the start of training.*")
        # Scores are those of epochs; small data has few batches.
        warnings.filterwarnings("ignore", message=r".*smaller than the logging interval.*")
        yield

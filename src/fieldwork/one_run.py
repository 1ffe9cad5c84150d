"""One run at a time makes the results of a pipeline: two would read what the other one writes."""

from __future__ import annotations

import errno
import logging
import os
import sys
from collections.abc import Mapping
from io import TextIOWrapper
from pathlib import Path
from typing import Any

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline

from fieldwork.run_record import pipelines_of, record_places

if sys.platform != "win32":
    import fcntl

logger = logging.getLogger(__name__)

#: What the system says of a lock that another process has.
BUSY = (errno.EACCES, errno.EAGAIN)


class AnotherRunError(RuntimeError):
    """Another run makes the same results at the same time."""


class OneRun:
    """Holds a lock for each pipeline of a run, beside its record, until the run or its process ends."""

    def __init__(self) -> None:
        self._held: list[TextIOWrapper] = []
        self._parameters: Mapping[str, Any] = {}

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Keep the parameters of this run."""
        self._parameters = context.config_loader["parameters"]

    @hook_impl
    def before_pipeline_run(self, pipeline: Pipeline, catalog: DataCatalog) -> None:
        """Take the locks, where the system has locks that end with their process.

        Raises:
            AnotherRunError: Where another process has one of them.
        """
        self._release()
        if sys.platform == "win32":
            return
        names = [name for name in pipelines_of(pipeline.nodes) if not self._is_shared(name)]
        for name in names:
            for record in record_places(catalog, name):
                self._lock(name, record)

    @hook_impl
    def after_pipeline_run(self) -> None:
        """Give the locks back."""
        self._release()

    @hook_impl
    def on_pipeline_error(self) -> None:
        """Give the locks back."""
        self._release()

    def _is_shared(self, name: str) -> bool:
        """Whether several runs make the results of a pipeline together, each its share of the scenes."""
        return name == "inference" and (self._parameters.get("inference") or {}).get("shard") is not None

    def _lock(self, name: str, record: Path) -> None:
        if sys.platform == "win32":
            return
        record.parent.mkdir(parents=True, exist_ok=True)
        file = record.with_name(f".{name}.lock").open("a+", encoding="utf-8")
        self._held.append(file)
        try:
            # By process, so that what it starts does not hold the lock after it, and nothing is left of a killed run.
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in BUSY:
                logger.info(
                    "%s: this disk knows no locks (%s); see that no other run writes there", record.parent, error
                )
                return
            file.seek(0)
            who = file.read().strip()
            self._release()
            raise AnotherRunError(
                f"Another run ({who or 'a process'}) makes the results of '{name}' in {record.parent.parent}, and both "
                "would read what the other one writes. Wait for its end; or give this run a recipe of its own "
                "(`--env`), under whose name its results lie; or queue both (`dvc exp run --queue`)."
            ) from None
        file.truncate(0)
        file.write(f"process {os.getpid()}\n")
        file.flush()

    def _release(self) -> None:
        for file in self._held:
            file.close()
        self._held.clear()

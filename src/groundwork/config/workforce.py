"""Who does the work of many scenes."""

from __future__ import annotations

from typing import Literal, Protocol


class Workforce(Protocol):
    """Processes of this machine, or workers of Dask."""

    @property
    def workers(self) -> int:
        """How many work at a time. 1: this process."""

    @property
    def engine(self) -> Literal["processes", "dask"]:
        """Of what kind they are."""

    @property
    def scheduler(self) -> str | None:
        """Address of a scheduler of Dask that is running. None: one is begun."""


def check_scheduler(workforce: Workforce) -> None:
    """Refuse an address of a scheduler that nobody would ask.

    Raises:
        ValueError: With what to change.
    """
    if workforce.scheduler is not None and workforce.engine != "dask":
        raise ValueError(
            f"'scheduler' is for engine dask, but the engine is '{workforce.engine}'; leave one of them out"
        )

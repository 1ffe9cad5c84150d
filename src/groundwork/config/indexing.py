"""How scenes are looked through: by how many processes, where, and what becomes of scenes that do not fit."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from groundwork.config.workforce import check_scheduler
from groundwork.strict import Config


class IndexingConfig(Config):
    """How scenes are looked through. The results are the same bytes, whatever does the work."""

    #: Scenes that are looked through at a time, each by a process of its own. 1: by this process.
    workers: int = Field(default=1, ge=1)
    #: processes: of this machine. dask: workers of Dask, which may be many machines.
    engine: Literal["processes", "dask"] = "processes"
    #: Address of a running scheduler of Dask, such as ``tcp://10.0.0.7:8786``; ``workers`` is then its matter. None:
    #: Dask begins as many workers on this machine.
    scheduler: str | None = None
    #: refuse: nothing is made, and the first ten scenes that are not as declared are listed. leave_out: they stand in
    #: the scene report with the reason, and nowhere else.
    on_bad_scene: Literal["refuse", "leave_out"] = "refuse"

    @model_validator(mode="after")
    def _check(self) -> IndexingConfig:
        check_scheduler(self)
        return self

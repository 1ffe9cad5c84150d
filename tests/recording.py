"""A logger that keeps what it is given in a file of the run. A module, as recipes name it by import path."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from lightning.pytorch.loggers import Logger
from numpy.typing import NDArray

from groundwork.training.loggers import ScoreLogger


class _Lines(Logger):
    def __init__(self, file: Path) -> None:
        super().__init__()
        self.file = file

    @property
    def name(self) -> str:
        return "lines"

    @property
    def version(self) -> str:
        return ""

    def log_hyperparams(self, *_: Any) -> None:
        """Leave them."""

    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        with self.file.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps({"step": step, **metrics}) + "\n")


class LinesOfJson(ScoreLogger):
    """Scores as lines of JSON, pictures by their mean.

    Args:
        name: Of the file.
    """

    packages = ()

    def __init__(self, folder: Path, *, name: str = "lines.json") -> None:
        self._file = folder / name
        super().__init__(folder)

    def build(self, folder: Path) -> Logger:  # noqa: ARG002 - it is known
        self._lines = _Lines(self._file)
        return self._lines

    def show(self, name: str, picture: NDArray[np.uint8], step: int) -> None:
        self._lines.log_metrics({name: float(picture.mean())}, step)

"""What tests of training share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from groundwork.bundle import Bundle
from groundwork.config import TrainingConfig
from groundwork.data.chips import LabelledData
from groundwork.data.statistics import Statistics
from groundwork.training.fit import FitResult, fit


@pytest.fixture(scope="session")
def run(
    tiny_initial: Bundle,
    tiny_labelled: LabelledData,
    tiny_statistics: Statistics,
    make_training: Callable[..., TrainingConfig],
) -> Callable[..., FitResult]:
    """Fit the tiny data in a folder, with changes of the training."""

    def make(folder: Path, *, initial: Bundle = tiny_initial, seed: int = 0, **training: Any) -> FitResult:
        return fit(initial, tiny_labelled, tiny_statistics, make_training(**training), seed, folder)

    return make

"""Try learning rates, and suggest one (https://arxiv.org/abs/1506.01186). Nothing is changed by it."""

from __future__ import annotations

import logging
import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from lightning.pytorch.tuner.tuning import Tuner
from numpy.typing import NDArray

from groundwork.bundle import Bundle
from groundwork.config.rate_search import RateSearchConfig
from groundwork.config.training import TrainingConfig
from groundwork.data.chips import LabelledData
from groundwork.data.datamodule import ChipDataModule
from groundwork.data.statistics import Statistics
from groundwork.errors import TrainingError
from groundwork.training.checks import DEFAULTS, build_trainer, find_task, require_learnable
from groundwork.training.fit import build_task
from groundwork.training.process import training_process
from groundwork.training.trust import explained

if TYPE_CHECKING:
    # It loads slowly.
    from matplotlib.figure import Figure

#: Steps whose moving mean says little yet, and how many others are needed to see where the loss falls.
_FIRST, _LEAST = 10, 3

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RateSearch:
    """What learning rates did to the loss."""

    #: One row for each step: ``learning_rate``, ``loss`` (a moving mean) and ``suggested``, true in one or none.
    table: pd.DataFrame

    @property
    def suggestion(self) -> float | None:
        """The rate at which the loss falls fastest; None where it falls nowhere."""
        rows = self.table.loc[self.table["suggested"], "learning_rate"]
        return None if rows.empty else float(rows.iloc[0])


def search_learning_rate(
    initial: Bundle,
    data: LabelledData,
    statistics: Statistics,
    training: TrainingConfig,
    search: RateSearchConfig,
    seed: int,
) -> RateSearch:
    """Train for some steps with a rate that rises from each to the next. The same seed gives the same rates.

    All weights that are trained get the same rate, whatever ``parameter_groups`` says.

    Args:
        initial: The untrained bundle, which stays as it is.
        data: Of whose training split batches are taken.
        statistics: Of the training split.
        training: How the weights are found.
        search: Which rates are tried.
        seed: Seed of all that is drawn.

    Raises:
        ComponentError, SpecError: As :func:`groundwork.training.fit.fit`.
        TrainingError: For a model that is not trained, and where memory is full.
    """
    require_learnable(training, initial.config.model)
    if find_task(training).learns_from == "embedding":
        raise TrainingError("The task 'embedding' trains nothing: there is no learning rate to look for")
    # Steps are counted, not epochs.
    training = training.model_copy(update={"max_epochs": search.steps + 1})
    with training_process(seed, training.threads), tempfile.TemporaryDirectory() as folder:
        task = build_task(initial, training, statistics)
        module = ChipDataModule(data, statistics, training.loader, training.augmentation, seed, training.sampling)
        options = {"enable_progress_bar": False, "enable_checkpointing": False, "default_root_dir": folder}
        trainer = build_trainer(training, {**DEFAULTS, **options})
        with explained(training, trainer):
            found = Tuner(trainer).lr_find(
                task, datamodule=module, min_lr=search.lowest, max_lr=search.highest, num_training=search.steps,
                update_attr=False,
            )  # fmt: skip
    if found is None:
        raise TrainingError("No learning rate could be tried: 'training.trainer' lets no step be made")
    table = pd.DataFrame({"learning_rate": found.results["lr"], "loss": found.results["loss"]})
    table["suggested"] = table.index == _steepest(table["loss"].to_numpy(np.float64))
    result = RateSearch(table)
    if result.suggestion is None:
        logger.warning("No learning rate is suggested: the loss falls nowhere. Try more 'steps', or other rates")
    else:
        logger.info("Suggested: training.optimizer.learning_rate: %.3g", result.suggestion)
    return result


def _steepest(losses: NDArray[np.float64]) -> int | None:
    """Return the step at which the loss falls fastest, from one factor to the next; None where it falls nowhere.

    Lightning looks for the steepest fall over the rate itself: noise among the lowest rates wins there.
    """
    kept = losses[_FIRST:-1]
    if len(kept) < _LEAST or not np.isfinite(kept).all():
        return None
    slopes = np.gradient(kept)
    lowest = int(slopes.argmin())
    return _FIRST + lowest if slopes[lowest] < 0 else None


def draw_search(search: RateSearch) -> Figure:
    """Draw the loss over the learning rates, and the suggested one."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - it loads slowly

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot(search.table["learning_rate"], search.table["loss"], color="tab:blue")
    if search.suggestion is not None:
        axes.axvline(search.suggestion, color="tab:orange", label=f"suggested: {search.suggestion:.3g}")
        axes.legend()
    axes.set(xscale="log", xlabel="learning rate", ylabel="loss, moving mean")
    axes.grid(alpha=0.3)
    return figure

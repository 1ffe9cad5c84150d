"""How good the answer for each chip is, so that the best and the worst of them can be looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from groundwork.batch import Truth
from groundwork.data import sample_table as table
from groundwork.errors import DataError
from groundwork.specs import TargetSpec
from groundwork.targets.kind import TargetKind
from groundwork.targets.labels import IGNORE

#: Column of a table of chips: how good each is, more is better, and what it was measured by.
GOODNESS, MEASURE = "goodness", "measure"


class ChipScores:
    """Judges chips one by one, each by all that is known of it.

    Classes of pixels are judged by their mean IoU over the classes that occur in the chip, objects by F1, classes of
    images by the mean probability of what is right, numbers by their RMSE, whose sign is turned: of several outputs
    each is divided by its mean over all chips, and their mean is that of those that are known in the chip.
    """

    def __init__(self, kind: TargetKind) -> None:
        """Begin with no chip."""
        self._kind = kind
        self._found: list[list[float]] = []

    def update(self, truth: Truth, scores: Tensor) -> None:
        """Add a chip.

        Args:
            truth: All that is known of it, as a batch of one.
            scores: Raw scores (1, outputs, ...).
        """
        self._found.append(_judge(self._kind, truth, scores))

    def table(self, samples: pd.DataFrame) -> pd.DataFrame:
        """Return one row per chip: its sample, its scene, how good it is (NaN where nothing is known), and the measure.

        Args:
            samples: The chips that were added, in their order.
        """
        values = np.array(self._found, np.float64).reshape(len(samples), len(self._found[0]) if self._found else 1)
        if values.shape[1] > 1:
            # A unit of an output is none of another.
            values = values / np.abs(_mean_of_known(values, axis=0)).clip(min=1e-12)
        goodness = [float(f"{value:.6g}") for value in _mean_of_known(values, axis=1)[:, 0].tolist()]
        found = samples[[table.SAMPLE_ID, table.SCENE]].reset_index(drop=True)
        return found.assign(**{GOODNESS: goodness, MEASURE: measure_of(self._kind.target)})


def measure_of(target: TargetSpec) -> str:
    """Return by what the chips of a target are judged."""
    if not target.classes:
        return "rmse" if len(target.outputs) == 1 else "relative rmse"
    return {"pixel": "miou", "object": "f1"}.get(target.per, "probability of what is right")


def no_chips() -> pd.DataFrame:
    """Return the table of chips where each by itself is not judged."""
    return pd.DataFrame({name: pd.Series(dtype=str) for name in (table.SAMPLE_ID, table.SCENE, GOODNESS, MEASURE)})


def extremes(chips: pd.DataFrame, count: int) -> tuple[list[str], list[str]]:
    """Return the samples of the best chips, the best first, and of the worst, the worst first.

    Args:
        chips: As of :meth:`ChipScores.table`.
        count: How many of each, where there are twice as many; no chip is in both.
    """
    known = chips.dropna(subset=[GOODNESS]).sort_values([GOODNESS, table.SAMPLE_ID], ascending=[False, True])
    names = [str(name) for name in known[table.SAMPLE_ID]]
    few = min(count, len(names) // 2)
    return names[: max(few, min(count, 1))], names[::-1][:few]


def _mean_of_known(values: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    """Return means along an axis, which stays; NaN where all numbers along it are."""
    count = (~np.isnan(values)).sum(axis=axis, keepdims=True)
    total = np.nansum(values, axis=axis, keepdims=True)
    return np.asarray(np.where(count > 0, total / np.maximum(count, 1), np.nan))


def _judge(kind: TargetKind, truth: Truth, scores: Tensor) -> list[float]:
    if kind.per == "image" and kind.target.classes:
        return [_probability_of_truth(kind, truth.target, scores)]
    judged = kind.accumulator()
    judged.update(truth, scores)
    if not judged.num_known():
        return [np.nan] * (1 if kind.target.classes else len(kind.target.outputs))
    report = judged.headline()
    if not kind.target.classes:
        return [np.nan if value is None else -value for value in report["rmse"].values()]
    value = report[measure_of(kind.target)]
    return [np.nan if value is None else value]


def _probability_of_truth(kind: TargetKind, truth: Tensor, scores: Tensor) -> float:
    """Return the mean probability of what is right, over what is known of an image."""
    known = truth != IGNORE
    if not known.any():
        return float("nan")
    given = kind.activate(scores.double())
    if kind.target.multi_label:
        return float(torch.where(truth == 1, given, 1 - given)[known].mean())
    return float(given.gather(1, truth.long().unsqueeze(1)).mean())


def notes_of(samples: pd.DataFrame, chips: pd.DataFrame, chosen: Mapping[str, Sequence[str]]) -> dict[int, str]:
    """Return where chosen samples stand in their split -> what is said of each, such as "worst, miou 0.31".

    Args:
        samples: Of the split.
        chips: As of :meth:`ChipScores.table`.
        chosen: A word -> samples.

    Raises:
        DataError: Where the split lacks one of them.
    """
    places = {name: place for place, name in enumerate(samples[table.SAMPLE_ID].tolist())}
    goodness = dict(zip(chips[table.SAMPLE_ID], chips[GOODNESS].astype(float), strict=True))
    measure = str(chips[MEASURE].iloc[0])
    lost = [name for names in chosen.values() for name in names if name not in places]
    if lost:
        raise DataError(
            f"The scores of chips are not those of these samples: '{lost[0]}' is not among them. Judge the model "
            "again, or name the split that it was judged by ('evaluation.split')."
        )
    return {
        places[name]: f"{word}, {measure} {abs(goodness[name]):.3g}" for word, names in chosen.items() for name in names
    }

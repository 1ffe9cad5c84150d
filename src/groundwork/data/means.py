"""Means of what the sample table says, over all that is known of its samples."""

from __future__ import annotations

import numpy as np
import pandas as pd

from groundwork.data import sample_table as table


def mean_over(samples: pd.DataFrame, column: str, per: str, known: str | None = None) -> float:
    """Return the mean of a column over the known pixels of samples, or over images; NaN where nothing is known.

    Chips of which a few pixels are labelled say less of a split than those that are labelled all over.

    Args:
        samples: Some rows of the table.
        column: What each says in the mean over its known pixels; NaN where it says nothing.
        per: What has an answer of its own: an "image" counts as one, whatever it holds.
        known: Column that says in which share of the known pixels that is known. None, or not there: in all of them.
    """
    values, weights = samples[column].to_numpy(np.float64), np.ones(len(samples))
    if per != "image":
        for name in (table.VALID_FRACTION, known):
            weights = weights * samples[name].to_numpy(np.float64) if name in samples else weights
    counted = ~np.isnan(values) & (weights > 0)
    return float(np.average(values[counted], weights=weights[counted])) if counted.any() else float("nan")

"""Predicted numbers against true ones as a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from groundwork.specs import OutputSpec


def draw_numbers(points: NDArray[np.float64], outputs: Sequence[OutputSpec], report: Mapping[str, Any]) -> Figure:
    """Draw for each output predictions against truth, and the distribution of errors.

    Args:
        points: True and predicted numbers of some pixels, (2, outputs, pixels); NaN where not known.
        outputs: What they are.
        report: Scores by part and output, for the titles.
    """
    figure = Figure(figsize=(9, 4 * len(outputs)), layout="constrained")
    grid: NDArray[Any] = figure.subplots(len(outputs), 2, squeeze=False)
    for (left, right), output, all_truth, all_predicted in zip(grid, outputs, points[0], points[1], strict=True):
        known = ~np.isnan(all_truth)
        truth, predicted = all_truth[known], all_predicted[known]
        unit = f" ({output.unit})" if output.unit else ""
        if len(truth):
            both = np.concatenate([truth, predicted])
            limits = (float(both.min()), float(both.max()) + 1e-12)
            left.hexbin(truth, predicted, gridsize=40, extent=(*limits, *limits), mincnt=1, cmap="Blues", bins="log")
            left.plot(limits, limits, color="tab:red", linewidth=1)
            right.hist(predicted - truth, bins=50, color="tab:blue")
            right.axvline(0, color="tab:red", linewidth=1)
        values = {part: report[part][output.name] for part in ("output_r2", "rmse", "bias")}
        r2, rmse, bias = ("-" if value is None else f"{value:.4g}" for value in values.values())
        left.set(xlabel=f"true {output.name}{unit}", ylabel=f"predicted {output.name}{unit}", title=f"R2 {r2}")
        right.set(xlabel=f"error{unit}", ylabel="pixels", title=f"RMSE {rmse}, bias {bias}")
    return figure

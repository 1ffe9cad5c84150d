"""Answers of several classes per image as a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from sklearn.metrics import precision_recall_curve

from groundwork.specs.target import ClassSpec


def draw_sets(
    answers: Mapping[str, tuple[NDArray[np.int8], NDArray[np.float64]]],
    classes: Sequence[ClassSpec],
    thresholds: Sequence[float],
) -> Figure:
    """Draw precision over recall with a dot at the threshold, and the images found, missed and made up.

    Args:
        answers: Class -> known answers, and their probabilities.
        classes: Their colours, in the same order.
        thresholds: Of each class.
    """
    figure = Figure(figsize=(11, 4.5), layout="constrained")
    left, right = figure.subplots(1, 2)
    counts = []
    for (name, (truth, given)), entry, limit in zip(answers.items(), classes, thresholds, strict=True):
        said, is_so = given >= limit, truth == 1
        hits, made_up, missed = (said & is_so).sum(), (said & ~is_so).sum(), (~said & is_so).sum()
        counts.append((hits, missed, made_up))
        if is_so.any() and not is_so.all():
            precision, recall, _ = precision_recall_curve(truth, given)
            left.plot(recall, precision, color=entry.color, drawstyle="steps-post", label=name)
            if said.any():
                left.plot(hits / is_so.sum(), hits / said.sum(), "o", color=entry.color)
    left.set(
        xlabel="recall", ylabel="precision", title="By class; a dot at the threshold", xlim=(0, 1.02), ylim=(0, 1.02)
    )
    left.grid(alpha=0.3)
    if left.lines:
        left.legend(fontsize=8)
    places, begin = np.arange(len(counts)), np.zeros(len(counts))
    parts = zip(np.array(counts).T, ("found", "missed", "made up"), ("#4c8c4a", "#e0a030", "#c51b1b"), strict=True)
    for values, label, color in parts:
        right.barh(places, values, left=begin, color=color, label=label)
        begin = begin + values
    right.set_yticks(places, list(answers))
    right.invert_yaxis()
    right.set(xlabel="images", title="Decided by the thresholds")
    right.legend(fontsize=8)
    return figure

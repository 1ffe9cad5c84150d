"""Precision over recall as a picture."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from groundwork.targets.object_matching import Matches


def draw_precision(matches: Mapping[str, Matches], score: float) -> Figure:
    """Draw the precision of each class over its recall, at an overlap of 0.5; classes without objects are left out.

    Args:
        matches: By class.
        score: From where on objects are counted; its place is marked.
    """
    figure = Figure(figsize=(5.5, 4.5), layout="constrained")
    axes = figure.subplots()
    for name, entry in matches.items():
        precisions = entry.average_precision()
        if precisions is None:
            continue
        recall, precision = entry.curve()
        label = f"{name}: AP 50 {precisions[0]:.2f}, {entry.num_objects} objects"
        # Of a class of which nothing was found there is no precision.
        first = precision[:1] if len(precision) else np.zeros(1)
        line = axes.plot(np.append(0.0, recall), np.append(first, precision), label=label)[0]
        right, wrong, missed = entry.counts(score)
        if right:
            axes.plot(right / (right + missed), right / (right + wrong), "o", color=line.get_color())
    axes.set(xlim=(0, 1.02), ylim=(0, 1.02), xlabel="recall", ylabel="precision")
    axes.set_title(f"Objects found, from the highest score; dots: from {score:g} on", fontsize=9)
    axes.grid(alpha=0.3)
    if axes.lines:
        axes.legend(fontsize=8)
    return figure

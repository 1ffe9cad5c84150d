"""Probabilities and how often they are right, as a picture."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from groundwork.evaluation.calibration import BINS, Reliability

#: Colours of what is drawn, by name.
COLORS = {"raw": "#d98032", "calibrated": "#2f6fb5"}


def draw_reliability(reliabilities: Mapping[str, Reliability], what: str) -> Figure:
    """Draw for each bin of probabilities which share of the answers is right, and how many answers there are.

    Args:
        reliabilities: By name: of raw scores, and of calibrated ones. Empty: a picture that says so.
        what: What the share is of, such as "pixels whose class is right".
    """
    figure = Figure(figsize=(9, 4), layout="constrained")
    if not reliabilities:
        figure.text(0.5, 0.5, "These answers have no probabilities.", ha="center", va="center")
        return figure
    left, right = figure.subplots(1, 2)
    left.plot([0, 1], [0, 1], color="grey", linestyle="--", label="as often as it says")
    edges = np.linspace(0, 1, BINS + 1)
    for name, reliability in reliabilities.items():
        count, sure, hits = reliability.bins.numpy().T
        held = count > 0
        error = reliability.report()["ece"]
        label = f"{name}: ECE {error:.3f}" if error is not None else name
        left.plot(sure[held] / count[held], hits[held] / count[held], marker="o", color=COLORS[name], label=label)
        right.stairs(count / max(count.sum(), 1), edges, color=COLORS[name], label=name, fill=False, linewidth=1.8)
    left.set(xlabel="probability", ylabel=f"share of {what}", xlim=(0, 1), ylim=(0, 1.02), title="Reliability")
    right.set(xlabel="probability", ylabel="share of the answers", xlim=(0, 1), title="How sure the answers are")
    for axes in (left, right):
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8)
    return figure

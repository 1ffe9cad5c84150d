"""Scores from one confusion matrix over all valid pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class ClassScores:
    """Scores of one class, each 0 to 1; None where they are not defined (the class occurs nowhere)."""

    iou: float | None
    f1: float | None
    precision: float | None
    recall: float | None


@dataclass(frozen=True, slots=True)
class Scores:
    """Scores over all classes, each 0 to 1."""

    #: Mean IoU over the classes that occur in truth: the same ones for all that are compared, whatever they predict.
    miou: float
    #: Mean F1 over the same classes.
    f1: float
    overall_accuracy: float
    #: Mean recall over the classes that occur in truth.
    balanced_accuracy: float
    classes: dict[str, ClassScores]


def compute_scores(confusion: NDArray[np.int64], names: tuple[str, ...]) -> Scores:
    """Compute scores from pixel counts (truth, prediction)."""
    hits = np.diag(confusion).astype(np.float64)
    truth, predicted = confusion.sum(axis=1), confusion.sum(axis=0)
    union = truth + predicted - hits
    iou, f1 = _divide(hits, union), _divide(2 * hits, truth + predicted)
    precision, recall = _divide(hits, predicted), _divide(hits, truth)
    columns = [[None if np.isnan(value) else float(value) for value in part] for part in (iou, f1, precision, recall)]
    return Scores(
        miou=_mean(iou[truth > 0]),
        f1=_mean(f1[truth > 0]),
        overall_accuracy=float(hits.sum() / max(confusion.sum(), 1)),
        balanced_accuracy=_mean(recall),
        classes={name: ClassScores(*values) for name, *values in zip(names, *columns, strict=True)},
    )


def _divide(above: NDArray[np.float64], below: NDArray[np.float64]) -> NDArray[np.float64]:
    divided = np.full(len(above), np.nan)
    np.divide(above, below, out=divided, where=below > 0)
    return divided


def _mean(values: NDArray[np.float64]) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else 0.0

"""What scores are called where people read them, in the order in which they are shown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from groundwork.config.split import SPLITS

#: Scores that are shown, as far as the kind of answer has them: one number each, and one for each class or output.
ROWS = {
    "map": "mAP",
    "map_50": "mAP 50",
    "mask_map": "mask mAP",
    "mask_map_50": "mask mAP 50",
    "miou": "mean IoU",
    "f1": "mean F1",
    "f1_micro": "F1 of all answers",
    "f1_macro": "mean F1",
    "overall_accuracy": "overall accuracy",
    "top_3_accuracy": "top-3 accuracy",
    "r2": "R2",
    "standardised_rmse": "RMSE in deviations",
    "effective_rank": "effective rank",
    "boundary_miou": "mean boundary IoU",
}
#: Calibration errors, which the model alone has.
CALIBRATION = {"raw": "calibration error", "calibrated": "after calibration"}
PARTS = {
    "ap": "AP",
    "mask_ap": "mask AP",
    "auroc": "AUROC",
    "iou": "IoU",
    "class_f1": "F1",
    "rmse": "RMSE",
    "mae": "MAE",
    "bias": "bias",
}
#: Scores from 0 to 1, which may share an axis.
SHARES = (
    *("map", "map_50", "mask_map", "mask_map_50", "miou", "f1", "f1_micro", "f1_macro"),
    *("overall_accuracy", "top_3_accuracy", "boundary_miou"),
)
#: The same by class; the first that there is is drawn.
SHARES_BY_CLASS = ("iou", "ap", "class_f1")


def judged_split(scores: Mapping[str, Any]) -> str:
    """Return whose samples scores are of: the key under which those of the model stand."""
    return next(split for split in SPLITS if split in scores)


def shown_scores(own: Mapping[str, Any]) -> Iterator[tuple[str, str, str | None]]:
    """Yield what is shown of a predictor's scores, in order: label, score, and the class or output that it is of."""
    for key, label in ROWS.items():
        if key in own:
            yield label, key, None
    for key, label in PARTS.items():
        for name in own.get(key, {}):
            yield f"{label} {name}", key, name


def as_text(value: float, sign: str = "-") -> str:
    """Return a score as people read it: with three digits behind the point, or as many as a small or large one takes.

    Errors have the unit of what is predicted: one of 0.0004 is not 0.

    Args:
        value: The score.
        sign: "+" of what is gained or lost, which says so of gains, too.
    """
    if value == 0 or 0.01 <= abs(value) < 1000:
        return f"{value:{sign}.3f}"
    return f"{value:{sign}.3g}" if abs(value) < 1 else f"{value:{sign}.6g}"


def with_interval(value: float | None, interval: Sequence[float] | None, nothing: str = "-") -> str:
    """Return a score as text, with its interval where it has one; ``nothing`` where there is no score."""
    if value is None:
        return nothing
    number = as_text(value)
    return number if interval is None else f"{number} ({as_text(interval[0])} to {as_text(interval[1])})"


def score_of(values: Mapping[str, Any], key: str, part: str | None) -> float | None:
    """Return a score as :func:`shown_scores` names it; None where there is none."""
    found: float | None = _part_of(values, key, part)
    return found


def interval_of(intervals: Mapping[str, Any], key: str, part: str | None) -> list[float] | None:
    """Return the interval of a score; None where there is none."""
    found: list[float] | None = _part_of(intervals, key, part)
    return found


def _part_of(values: Mapping[str, Any], key: str, part: str | None) -> Any:  # noqa: ANN401 - a number, or two
    found = values.get(key)
    return found if part is None else (found or {}).get(part)


def predictors_of(scores: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return the scores of the model, then those of the baselines, by name."""
    return {"model": scores[judged_split(scores)], **scores["baselines"]}


def intervals_of(scores: Mapping[str, Any], predictor: str) -> Mapping[str, Any]:
    """Return the intervals of a predictor's scores; empty where there are none."""
    confidence = scores.get("confidence") or {}
    found = confidence.get("model") if predictor == "model" else (confidence.get("baselines") or {}).get(predictor)
    return found or {}

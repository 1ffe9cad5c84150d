"""What scores are called where people read them, in the order in which they are shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from groundwork.config.split import SPLITS

#: Scores that are shown, as far as the kind of answer has them: one number each, and one for each class or output.
ROWS = {
    "map": "mAP",
    "map_50": "mAP 50",
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
    "auroc": "AUROC",
    "iou": "IoU",
    "class_f1": "F1",
    "rmse": "RMSE",
    "mae": "MAE",
    "bias": "bias",
}
#: Scores from 0 to 1, which may share an axis.
SHARES = ("map", "map_50", "miou", "f1", "f1_micro", "f1_macro", "overall_accuracy", "top_3_accuracy", "boundary_miou")
#: The same by class; the first that there is is drawn.
SHARES_BY_CLASS = ("iou", "ap", "class_f1")


def judged_split(scores: Mapping[str, Any]) -> str:
    """Return whose samples scores are of: the key under which those of the model stand."""
    return next(split for split in SPLITS if split in scores)

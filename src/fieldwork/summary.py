"""What a run ends with: scores beside the baselines', and where each result lies."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

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
}
PARTS = {
    "ap": "AP",
    "auroc": "AUROC",
    "iou": "IoU",
    "class_f1": "F1",
    "rmse": "RMSE",
    "mae": "MAE",
    "bias": "bias",
}


def show_summary(scores: Mapping[str, Any] | None, results: Mapping[str, Path]) -> None:
    """Print tables to the terminal.

    Args:
        scores: Scores of the model and the baselines on the test split, where they were made.
        results: Catalog entry -> where it lies.
    """
    console = Console()
    if scores is not None:
        console.print(_score_table(scores))
    table = Table(title="Results")
    table.add_column("catalog entry")
    table.add_column("file or folder")
    for name, path in results.items():
        table.add_row(name, _shorten(path))
    console.print(table)


def _score_table(scores: Mapping[str, Any]) -> Table:
    table = Table(title="Scores on the test split")
    columns = {"model": scores["test"], **scores["baselines"]}
    table.add_column("score")
    for name in columns:
        table.add_column(name, justify="right")
    for key, label in ROWS.items():
        if key in scores["test"]:
            table.add_row(label, *(_number(part[key]) for part in columns.values()))
    for key, label in PARTS.items():
        for name in scores["test"].get(key, {}):
            table.add_row(f"{label} {name}", *(_number(part[key][name]) for part in columns.values()))
    return table


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _shorten(path: Path) -> str:
    try:
        return path.relative_to(Path.cwd()).as_posix()
    except ValueError:
        return path.as_posix()

"""What a run ends with: scores beside the baselines', and where each result lies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from groundwork.evaluation.score_names import (
    CALIBRATION,
    as_text,
    interval_of,
    intervals_of,
    judged_split,
    predictors_of,
    score_of,
    shown_scores,
)


def show_summary(scores: Mapping[str, Any] | None, results: Mapping[str, Path]) -> None:
    """Print tables to the terminal.

    Args:
        scores: Scores of the model and the baselines, where they were made.
        results: Catalog entry -> where it lies.
    """
    console = Console()
    if scores is not None:
        console.print(_score_table(scores))
        for line in _notes(scores):
            console.print(line, markup=False, highlight=False)
    table = Table(title="Results")
    table.add_column("catalog entry")
    table.add_column("file or folder")
    for name, path in results.items():
        table.add_row(name, _shorten(path))
    console.print(table)


def _score_table(scores: Mapping[str, Any]) -> Table:
    table = Table(title=f"Scores on the {judged_split(scores)} split")
    columns = predictors_of(scores)
    table.add_column("score")
    for name in columns:
        table.add_column(name.replace("_", " "), justify="right")
    own, lines = columns["model"], list(shown_scores(columns["model"]))
    for label, key, part in lines:
        if part is None:
            ranges = (interval_of(intervals_of(scores, name), key, None) for name in columns)
            table.add_row(
                label, *(_number(given[key], found) for given, found in zip(columns.values(), ranges, strict=True))
            )
    for key, label in CALIBRATION.items():
        if key in own.get("calibration", {}):
            table.add_row(label, _number(own["calibration"][key]["ece"]))
    for label, key, part in lines:
        if part is not None:
            table.add_row(label, *(_number(score_of(given, key, part)) for given in columns.values()))
    return table


def _notes(scores: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is said in words of the scores: how sure they are, and whether the model is of use."""
    confidence = scores.get("confidence")
    if confidence is not None:
        what = f"{confidence['level']:.0%}, by {confidence['draws']} draws of {confidence['scenes']} scenes"
        yield f"No intervals: {confidence['reason']}." if confidence["reason"] else f"In brackets, intervals: {what}."
    orientation = scores.get("orientation")
    if orientation is not None and orientation["spread"] is not None:
        ordered = sorted(orientation["scores"].items(), key=lambda pair: pair[0] != "upright")
        views = ", ".join(f"{view} {_number(score)}" for view, score in ordered)
        yield f"By orientation, over {orientation['chips']} chips: {views}; {orientation['spread']:.3f} apart."
    yield from scores.get("verdict", ())


def _number(value: float | None, interval: Sequence[float] | None = None) -> str:
    if value is None:
        return "-"
    return as_text(value) if interval is None else f"{as_text(value)} ({','.join(_briefly(interval))})"


def _briefly(interval: Sequence[float]) -> list[str]:
    """Return both ends with two digits, so that five columns go into a terminal; with more, where two say nothing."""
    short = [f"{end:.2f}" for end in interval]
    is_told = len(set(short)) > 1 and all(end == 0 or 0.01 <= abs(end) < 1000 for end in interval)
    return short if is_told else [as_text(end) for end in interval]


def _shorten(path: Path) -> str:
    try:
        return path.relative_to(Path.cwd()).as_posix()
    except ValueError:
        return path.as_posix()

"""Nodes of ``data_prep``."""

from __future__ import annotations

from typing import Any

from groundwork.config import DataConfig


def check_scenes(scenes: Any, labels: Any, data: DataConfig) -> tuple[Any, str]:
    """Look through every scene and label, refuse what is not as declared, and describe each scene in one row."""
    from groundwork.data.samples import report_scenes
    from groundwork.data.tables import as_markdown

    report = report_scenes(scenes, labels, data)
    return report, as_markdown(report)


def index_samples(scenes: Any, labels: Any, scene_report: Any, data: DataConfig) -> Any:  # noqa: ARG001
    """Cut the checked scenes into chips: a table with one row per chip."""
    from groundwork.data.samples import index_samples

    return index_samples(scenes, labels, data)


def assign_splits(chips: Any, lists: Any, data: DataConfig, seed: int) -> tuple[Any, Any]:
    """Divide the chips into train, val and test so that no split can peek at another, and report the distances."""
    from groundwork.data.splits import divide, report_splits

    division = divide(chips, data.split, lists, seed)
    return division.samples, report_splits(division.samples, data, division.left_out)


def compute_statistics(samples: Any, scenes: Any, labels: Any, data: DataConfig) -> Any:
    """Mean and deviation of each band and the frequency of each class, on the training split only."""
    from groundwork.data.statistics import compute_statistics

    return compute_statistics(samples, scenes, labels, data).model_dump(mode="json")

"""Nodes of ``data_prep``."""

from __future__ import annotations

from typing import Any

from groundwork.config import DataConfig


def scan_scenes(scenes: Any, labels: Any, data: DataConfig) -> tuple[Any, str, Any, Any]:
    """Look through every scene and label once: refuse what is not as declared, describe scenes, and cut chips."""
    from groundwork.data.scan import scan_scenes
    from groundwork.data.tables import as_markdown

    scan = scan_scenes(scenes, labels, data)
    return scan.report, as_markdown(scan.report), scan.chips, scan.cells


def assign_splits(chips: Any, lists: Any, regions: Any, data: DataConfig, seed: int) -> tuple[Any, Any]:
    """Divide the chips into train, val and test so that no split can peek at another, and report the distances."""
    from groundwork.data.splits import divide, report_splits

    division = divide(chips, data.split, lists, seed, regions)
    return division.samples, report_splits(division.samples, data, division.left_out)


def compute_statistics(samples: Any, cells: Any, data: DataConfig) -> Any:
    """Mean and deviation of each band and the frequency of each class, on the training split only."""
    from groundwork.data.statistics import compute_statistics

    return compute_statistics(samples, cells, data).model_dump(mode="json")

"""Nodes of ``data_prep``."""

from __future__ import annotations

from typing import Any

from groundwork.config import DataConfig, IndexingConfig


def scan_scenes(scenes: Any, labels: Any, data: DataConfig, data_prep: IndexingConfig) -> tuple[Any, str, Any, Any]:
    """Look through every scene and label once: refuse what is not as declared, describe scenes, and cut chips."""
    from groundwork.data.scan import scan_scenes
    from groundwork.data.tables import as_markdown

    scan = scan_scenes(scenes, labels, data, data_prep)
    return scan.report, as_markdown(scan.report), scan.chips, scan.cells


def assign_splits(chips: Any, report: Any, lists: Any, regions: Any, data: DataConfig, seed: int) -> tuple[Any, Any]:
    """Divide the chips into train, val and test so that no split can peek at another, and report the distances."""
    from groundwork.data.splits import divide, report_splits

    division = divide(chips, data.split, lists, seed, regions, report["scene"])
    return division.samples, report_splits(division.samples, data, division.left_out)


def pack_chips(samples: Any, scenes: Any, labels: Any, data: DataConfig) -> Any:
    """Hand on the chips to be packed, where ``data.store`` says so: they are written one by one as they are saved."""
    from groundwork.data.chips import labelled
    from groundwork.data.packing import ChipsToStore

    return ChipsToStore(labelled(samples, scenes, labels, (data.sources, data.target)), data.store)


def report_values(samples: Any, cells: Any, scenes: Any, labels: Any, data: DataConfig) -> Any:
    """Describe what the bands of each split hold, such as values beyond their units, and how far labels lie off."""
    from groundwork.data.chips import labelled
    from groundwork.data.label_offset import measure_offset
    from groundwork.data.value_report import report_values

    offset = measure_offset(labelled(samples, scenes, labels, (data.sources, data.target)))
    return report_values(samples, cells, data, offset).model_dump(mode="json")


def audit_data(samples: Any, values: Any, data: DataConfig) -> str:
    """Say what of splits and values is right, what deserves a look, and what is wrong."""
    from groundwork.audit.data import page_of_audit
    from groundwork.data.value_report import ValueReport

    return page_of_audit(samples, ValueReport.model_validate(values), data)


def compute_statistics(samples: Any, cells: Any, data: DataConfig) -> Any:
    """Mean and deviation of each band and the frequency of each class, on the training split only."""
    from groundwork.data.statistics import compute_statistics

    return compute_statistics(samples, cells, data).model_dump(mode="json")

"""Scenes and labels -> scene report, samples with splits, packed chips, statistics, audit."""

from __future__ import annotations

from kedro.pipeline import Pipeline, node

from fieldwork.pipelines.data_prep.nodes import (
    assign_splits,
    audit_data,
    compute_statistics,
    pack_chips,
    report_values,
    scan_scenes,
)


def create_pipeline() -> Pipeline:
    """Return the pipeline."""
    return Pipeline(
        [
            node(
                scan_scenes,
                ["scenes", "labels", "params:data", "params:data_prep"],
                ["scene_report", "scene_table", "chips_found", "cells"],
                name="scan_scenes",
            ),
            node(
                assign_splits,
                ["chips_found", "scene_report", "split_lists", "split_regions", "params:data", "params:seed"],
                ["samples", "split_report"],
                name="assign_splits",
            ),
            node(pack_chips, ["samples", "scenes", "labels", "params:data"], "packed_chips", name="pack_chips"),
            node(compute_statistics, ["samples", "cells", "params:data"], "statistics", name="compute_statistics"),
            node(
                report_values,
                ["samples", "cells", "scenes", "labels", "params:data"],
                "value_report",
                name="report_values",
            ),
            node(audit_data, ["samples", "value_report", "params:data"], "data_audit", name="audit_data"),
        ]
    )

"""Scenes and labels -> scene report, samples with splits, statistics."""

from __future__ import annotations

from kedro.pipeline import Pipeline, node

from fieldwork.pipelines.data_prep.nodes import assign_splits, compute_statistics, scan_scenes


def create_pipeline() -> Pipeline:
    """Return the pipeline."""
    return Pipeline(
        [
            node(
                scan_scenes,
                ["scenes", "labels", "params:data"],
                ["scene_report", "scene_table", "chips_found", "cells"],
                name="scan_scenes",
            ),
            node(
                assign_splits,
                ["chips_found", "split_lists", "split_regions", "params:data", "params:seed"],
                ["samples", "split_report"],
                name="assign_splits",
            ),
            node(compute_statistics, ["samples", "cells", "params:data"], "statistics", name="compute_statistics"),
        ]
    )

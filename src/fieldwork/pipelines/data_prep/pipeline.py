"""Scenes and labels -> scene report, samples with splits, statistics."""

from __future__ import annotations

from kedro.pipeline import Pipeline, node

from fieldwork.pipelines.data_prep.nodes import assign_splits, check_scenes, compute_statistics, index_samples


def create_pipeline() -> Pipeline:
    """Return the pipeline."""
    return Pipeline(
        [
            node(
                check_scenes,
                ["scenes", "labels", "params:data"],
                ["scene_report", "scene_table"],
                name="check_scenes",
            ),
            node(
                index_samples, ["scenes", "labels", "scene_report", "params:data"], "chips_found", name="index_samples"
            ),
            node(
                assign_splits,
                ["chips_found", "split_lists", "params:data", "params:seed"],
                ["samples", "split_report"],
                name="assign_splits",
            ),
            node(
                compute_statistics,
                ["samples", "scenes", "labels", "params:data"],
                "statistics",
                name="compute_statistics",
            ),
        ]
    )

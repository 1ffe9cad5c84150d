"""Nothing -> the embedded sample. Runs on request only: ``kedro run --pipelines sample_data``."""

from __future__ import annotations

from kedro.pipeline import Pipeline, node

from fieldwork.pipelines.sample_data.nodes import cut_tiles, make_landscapes, measure_vegetation


def create_pipeline() -> Pipeline:
    """Return the pipeline."""
    sample = ["sample_scenes", "sample_labels"]
    return Pipeline(
        [
            node(make_landscapes, "params:sample_data", [*sample, "sample_outlines"], name="make_landscapes"),
            node(cut_tiles, sample, ["sample_tiles", "sample_tile_table"], name="cut_tiles"),
            node(measure_vegetation, "sample_scenes", "sample_vegetation", name="measure_vegetation"),
        ]
    )

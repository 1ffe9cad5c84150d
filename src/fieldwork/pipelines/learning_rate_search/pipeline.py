"""Initial bundle and samples -> what learning rates do to the loss, and one that is suggested."""

from __future__ import annotations

from kedro.pipeline import Pipeline, node

from fieldwork.pipelines.learning_rate_search.nodes import open_search_chips, search_learning_rate


def create_pipeline() -> Pipeline:
    """Return the pipeline."""
    read_from = ["samples", "scenes", "labels", "packed_chips"]
    wanted = ["params:training", "params:learning_rate_search", "params:seed"]
    return Pipeline(
        [
            node(open_search_chips, ["initial_bundle", *read_from], "search_chips", name="open_search_chips"),
            node(
                search_learning_rate,
                ["initial_bundle", "search_chips", "statistics", *wanted],
                ["learning_rates", "learning_rate_figure"],
                name="search_learning_rate",
            ),
        ]
    )

"""The project's pipelines."""

from __future__ import annotations

from kedro.framework.project import find_pipelines
from kedro.pipeline import Pipeline

#: Pipelines that ``kedro run`` leaves out: they make the data of the embedded sample.
ON_REQUEST = ("sample_data",)


def register_pipelines() -> dict[str, Pipeline]:
    """Return the pipelines by name. They are found by folder, so that a run loads only what it needs."""
    pipelines = find_pipelines(raise_errors=True)
    chosen = [pipeline for name, pipeline in pipelines.items() if name not in ON_REQUEST]
    pipelines["__default__"] = sum(chosen, Pipeline([]))
    return pipelines

"""A dataset of TorchGeo -> rasters, labels, lists of splits. On request: ``kedro run --pipelines torchgeo_import``."""

from __future__ import annotations

from kedro.pipeline import Pipeline, node

from fieldwork.pipelines.torchgeo_import.nodes import import_samples


def create_pipeline() -> Pipeline:
    """Return the pipeline."""
    inputs = ["torchgeo_data", "params:data", "params:seed"]
    return Pipeline([node(import_samples, inputs, "torchgeo_samples", name="import_samples")])

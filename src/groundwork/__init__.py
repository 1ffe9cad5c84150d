"""Rasters in, maps out: training geospatial foundation models on your own rasters."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from groundwork.telemetry import switch_off

# Before anything else is imported, as some libraries send what they have to say right then.
switch_off()

if TYPE_CHECKING:
    from groundwork.bundle import load_bundle as load_bundle
    from groundwork.config import InferenceConfig as InferenceConfig
    from groundwork.prediction.arrays import predict_array as predict_array
    from groundwork.prediction.files import predict_files as predict_files
    from groundwork.rasters.folder import find_rasters as find_rasters

#: What programs and configuration files of Lightning name -> where it is. Loaded when asked for: the library itself
#: stays light.
_NAMED = {
    "InferenceConfig": "groundwork.config",
    "find_rasters": "groundwork.rasters.folder",
    "load_bundle": "groundwork.bundle",
    "predict_array": "groundwork.prediction.arrays",
    "predict_files": "groundwork.prediction.files",
    "RasterDataModule": "groundwork.data.raster_module",
    **dict.fromkeys(
        [
            "RasterTask",
            "ClassificationTask",
            "EmbeddingTask",
            "EstimatorTask",
            "MultiLabelTask",
            "ObjectDetectionTask",
            "PixelRegressionTask",
            "ReconstructionTask",
            "ScalarRegressionTask",
            "SemanticSegmentationTask",
        ],
        "groundwork.training.lightning_tasks",
    ),
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever the name stands for
    if name not in _NAMED:
        raise AttributeError(f"module 'groundwork' has no attribute '{name}'")
    return getattr(import_module(_NAMED[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_NAMED])

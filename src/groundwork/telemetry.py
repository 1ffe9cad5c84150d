"""Libraries that would tell their makers that they are used, and what of, are told not to."""

from __future__ import annotations

import os

#: What keeps ONNX Runtime and MLflow from it; they ask when they are imported, which others such as kornia do as well.
#: (https://github.com/microsoft/onnxruntime, ``docs/Privacy.md``; https://mlflow.org/docs/latest/community/usage-tracking)
SILENT = {"ORT_DISABLE_TELEMETRY": "1", "MLFLOW_DISABLE_TELEMETRY": "true"}


def switch_off() -> None:
    """Set the environment of this process and of those that it starts, unless it says otherwise already."""
    for name, value in SILENT.items():
        os.environ.setdefault(name, value)

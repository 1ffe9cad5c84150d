"""Nodes of ``export``."""

from __future__ import annotations

from typing import Any

from groundwork.config import ExportConfig, InferenceConfig


def export_model(bundle: Any, scenes: Any, export: ExportConfig, inference: InferenceConfig) -> tuple[Any, Any]:
    """Export the bundle as one file, and compare it with the bundle on tiles of the scenes; what differs is refused."""
    from groundwork.export.exporting import export_bundle

    made = export_bundle(bundle, scenes, export, inference)
    return made, made.report

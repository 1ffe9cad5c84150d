"""Nodes of ``inference``."""

from __future__ import annotations

from typing import Any

from groundwork.config import InferenceConfig


def predict_scenes(bundle: Any, scenes: Any, inference: InferenceConfig, ground: Any) -> Any:
    """Predict each scene window by window; the catalog entry writes the blocks as they come."""
    from groundwork.prediction.scene import predict_scenes

    return predict_scenes(bundle, scenes, inference, None if ground is None else ground.area())


def draw_quicklooks(bundle: Any, scenes: Any, inference: InferenceConfig, predictions: Any) -> Any:
    """Draw scenes and their predictions side by side, one after the other."""
    from groundwork.data.scene_stack import folders_by_source
    from groundwork.evaluation.quicklooks import draw_quicklooks
    from groundwork.prediction.source import scene_specs

    specs = scene_specs(bundle.config.inputs, inference)
    folders = folders_by_source(scenes, specs, may_lack=True)
    spec, shown = specs[bundle.reference], folders[bundle.reference]
    return draw_quicklooks(bundle, spec, shown, predictions, inference)

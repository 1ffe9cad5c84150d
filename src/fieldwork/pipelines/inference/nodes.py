"""Nodes of ``inference``."""

from __future__ import annotations

from typing import Any

from groundwork.config import InferenceConfig


def predict_scenes(bundle: Any, scenes: Any, inference: InferenceConfig) -> Any:
    """Predict each scene window by window; the catalog entry writes the blocks as they come."""
    from groundwork.prediction.scene import predict_scenes

    return predict_scenes(bundle, scenes, inference)


def draw_quicklooks(bundle: Any, scenes: Any, inference: InferenceConfig, predictions: Any) -> Any:
    """Draw each scene and its prediction side by side, one after the other."""
    from groundwork.evaluation.figures import draw_quicklooks
    from groundwork.prediction.source import scene_spec

    spec = scene_spec(bundle.only_input(), inference)
    return draw_quicklooks(spec, bundle.config.target, scenes, predictions, spec.shown)

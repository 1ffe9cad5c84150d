"""What is predicted of scenes, as tests compare it."""

from __future__ import annotations

import numpy as np

from groundwork.bundle import Bundle
from groundwork.config import InferenceConfig
from groundwork.prediction.scene import predict_scenes
from groundwork.rasters.folder import RasterFolder


def probabilities_of(bundle: Bundle, scenes: RasterFolder, config: InferenceConfig) -> dict[str, np.ndarray]:
    """Return the probabilities of each scene, (classes, pixels), in the order in which they are made."""
    found = {}
    for key, stream in predict_scenes(bundle, scenes, config).streams:
        blocks = [products["probabilities"] for _, products in stream.blocks]
        found[key] = np.concatenate([block.reshape(block.shape[0], -1) for block in blocks], axis=1)
    return found

"""What the QGIS plugin Deepness reads of an ONNX file (PUTvision/qgis-plugin-deepness, ``model_base.py``)."""

from __future__ import annotations

import json
from typing import Any

from groundwork.export.description import Description

#: Deepness divides values by this before it standardises them.
_DIVISOR = 255.0


def deepness_keys(description: Description) -> dict[str, str]:
    """Return metadata by key, each as JSON; none for a program that Deepness cannot run.

    It runs programs with one input, that give something of each pixel. It divides values by 255; the standardisation
    that is stated here takes them back to what they were, as the program standardises them itself.
    """
    target, first = description.bundle.target, description.inputs[0]
    if len(description.inputs) > 1 or len(first.shape) != 4 or target.per != "pixel":
        return {}
    channels = len(first.bands)
    keys: dict[str, Any] = {
        "model_type": "Segmentor" if target.classes else "Regressor",
        "class_names": {str(index): name for index, name in enumerate(description.output.channels)},
        "tile_size": description.sizes.height or description.tile_size,
        # In percent of a tile.
        "tiles_overlap": round(100 * description.overlap / description.tile_size),
        "standardization_mean": [0.0] * channels,
        "standardization_std": [1 / _DIVISOR] * channels,
        **({"seg_thresh": 0.0} if target.classes else {"reg_output_scaling": 1.0}),
    }
    pixel_size = description.bundle.inputs[str(first.source)].pixel_size_m
    if pixel_size is not None:
        # In centimetres.
        keys["resolution"] = 100 * pixel_size
    return {key: json.dumps(value) for key, value in keys.items()}

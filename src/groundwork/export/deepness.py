"""What the QGIS plugin Deepness 0.6.5 reads of an ONNX file (PUTvision/qgis-plugin-deepness, ``model_base.py``)."""

from __future__ import annotations

import json
from typing import Any

from groundwork.export.description import Description

#: Deepness divides values by this before it standardises them.
_DIVISOR = 255.0


def deepness_keys(description: Description) -> dict[str, str]:
    """Return metadata by key, each as JSON; none for a program that Deepness cannot run.

    It runs programs with one input, of square images of one size, in batches of any number, as the last is a smaller
    one. It divides values by 255; the standardisation that is stated here takes them back to what they were, as the
    program standardises them itself. Numbers it keeps as whole ones from 0 to 255, so that it gets none.
    """
    target, first, sizes = description.bundle.target, description.inputs[0], description.sizes
    is_one_image = len(description.inputs) == 1 and len(first.shape) == 4
    is_one_size = sizes.height is not None and sizes.height == sizes.width and sizes.batch in {None, 1}
    if not (is_one_image and is_one_size and target.per == "pixel" and target.classes):
        return {}
    channels = len(first.bands)
    keys: dict[str, Any] = {
        "model_type": "Segmentor",
        "class_names": {str(index): name for index, name in enumerate(description.output.channels)},
        "tile_size": sizes.height,
        # In percent of a tile.
        "tiles_overlap": round(100 * description.overlap / description.tile_size),
        "standardization_mean": [0.0] * channels,
        "standardization_std": [1 / _DIVISOR] * channels,
        # Whatever is the most probable.
        "seg_thresh": 0.0,
    }
    pixel_size = description.bundle.inputs[str(first.source)].pixel_size_m
    if pixel_size is not None:
        # In centimetres.
        keys["resolution"] = 100 * pixel_size
    return {key: json.dumps(value) for key, value in keys.items()}

"""Detectors without a background: what TerraTorch scores label 0 with, where it is no class."""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import Tensor

from groundwork.compatibility.terratorch.weight_names import PER_CLASS
from groundwork.compatibility.terratorch_weights.renaming import Renamed


def without_background(renamed: Renamed, own: Mapping[str, Tensor]) -> None:
    """Leave out the scores of label 0, where the detector here has one class less.

    Args:
        renamed: By names here; changed.
        own: Weights of the detector here.
    """
    for name in [name for name in renamed.weights if re.fullmatch(PER_CLASS, name) and name in own]:
        value, wanted = renamed.weights[name], len(own[name])
        # Each place has a number of anchors, and each anchor a score of every class: 9 of retinanet, 1 of fcos.
        anchors = len(value) - wanted
        if anchors > 0 and len(value) % anchors == 0 and value.shape[1:] == own[name].shape[1:]:
            renamed.weights[name] = value.reshape(anchors, -1, *value.shape[1:])[:, 1:].flatten(0, 1)
            renamed.left_out[name] = "its part for label 0, which is no class here"

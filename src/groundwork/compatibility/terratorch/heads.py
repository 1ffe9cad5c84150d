"""Heads: the arguments that the one of each task takes."""

from __future__ import annotations

from groundwork.compatibility.terratorch.stated import Stated, Words, without_empty
from groundwork.compatibility.terratorch.tasks import TaskKind

#: Task -> its head.
NAMES = {
    ("pixel", True): "segmentation",
    ("pixel", False): "regression",
    ("image", True): "classification",
    ("image", False): "scalar_regression",
}
#: Activation behind the last layer -> range of the numbers, and how it is kept.
RANGES: dict[str, Words] = {
    "ReLU": {"ranges": [[0, None]], "limit": "cut"},
    "Softplus": {"ranges": [[0, None]]},
    "Sigmoid": {"ranges": [[0, 1]]},
}


def read_head(arguments: Stated, kind: TaskKind, pooling: str) -> Words | None:
    """Return the head. None: the usual one of the target, without options.

    Args:
        arguments: The head's, without prefix.
        kind: What the task learns.
        pooling: How a map becomes a vector, where a neck says it.
    """
    widths = [*arguments.wholes("channel_list"), *arguments.wholes("dim_list")]
    found = without_empty({"dropout": arguments.number("dropout") or None, "channels": widths})
    ups = arguments.whole("learned_upscale_layers")
    if ups and kind.has_classes:
        arguments.refuse("learned_upscale_layers", "only heads of numbers make maps finer here: leave it out")
    elif ups:
        found["upscale_layers"] = ups
    found |= _ranges(arguments, kind)
    arguments.pass_over("batch_norm")
    for key in ("num_classes", "num_outputs"):
        arguments.take(key)
    if kind.per == "image" and arguments.flag("linear_after_pool") is not True and widths and not pooling:
        found["layers_on"] = "cells"
    arguments.take("linear_after_pool")
    if pooling and kind.per == "image":
        found["pooling"] = pooling
    arguments.finish(("dropout", "channel_list", "dim_list", "final_act", "learned_upscale_layers"))
    return {"name": NAMES[kind.per, kind.has_classes], **found} if found else None


def _ranges(arguments: Stated, kind: TaskKind) -> Words:
    value = arguments.take("final_act")
    path = value.get("class_path") if isinstance(value, dict) else value
    name = str(path or "").rpartition(".")[2]
    if not name or name == "Identity":
        return {}
    if kind.has_classes or name not in RANGES:
        arguments.refuse("final_act", f"'{name}' is not built here; known for numbers: {list(RANGES)}")
        return {}
    return RANGES[name]

"""Bundles of earlier formats, brought to the one that is read: names of options and of weights that have changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from torch import Tensor

Description: TypeAlias = dict[str, Any]
Weights: TypeAlias = dict[str, Tensor]

#: Encoders whose size was called ``model``, as the networks of zoos are.
_SIZES_BY_MODEL = {"croma", "dofa", "scale_mae"}


def describe_anew(description: Description) -> Description:
    """Return the description of a bundle in the newest format."""
    for version, (change, _) in _STEPS.items():
        if description["format_version"] == version:
            description = {**change(description), "format_version": version + 1}
    return description


def name_anew(weights: Weights, description: Description) -> Weights:
    """Return the weights of a bundle under their newest names.

    Args:
        weights: As the file has them.
        description: As the file has it, in its own format.
    """
    for version, (_, rename) in _STEPS.items():
        if description["format_version"] <= version:
            weights = rename(weights, description)
    return weights


def _with_encoders(description: Description, change: Callable[[Mapping[str, Any]], dict[str, Any]]) -> Description:
    """Return a description with each of its encoders changed."""
    model = dict(description["model"])
    if model.get("encoder"):
        model["encoder"] = change(model["encoder"])
    model["encoders"] = {source: change(entry) for source, entry in model.get("encoders", {}).items()}
    return {**description, "model": model}


def _describe_second(description: Description) -> Description:
    """Options of encoders have one name and one place."""
    return _with_encoders(description, _encoder_of_second)


def _encoder_of_second(encoder: Mapping[str, Any]) -> dict[str, Any]:
    changed = dict(encoder)
    name = changed.get("name")
    if name in _SIZES_BY_MODEL and "model" in changed:
        changed["variant"] = changed.pop("model")
    if name == "prithvi_vit":
        changed |= changed.pop("network", None) or {}
    if name == "prithvi_vit_adapter":
        adapter = dict(changed.get("adapter") or {})
        moved = {key: adapter.pop(key) for key in ("drop_path", "gradient_checkpointing") if key in adapter}
        changed |= {"adapter": adapter, **moved} if "adapter" in changed else {}
    if name == "per_date" and isinstance(changed.get("encoder"), Mapping):
        changed["encoder"] = _encoder_of_second(changed["encoder"])
    return changed


def _describe_third(description: Description) -> Description:
    """Encoders of each date pool over the steps that hold data; those of before pool over all, as they learned."""
    return _with_encoders(description, _encoder_of_third)


def _encoder_of_third(encoder: Mapping[str, Any]) -> dict[str, Any]:
    changed = dict(encoder)
    if isinstance(changed.get("encoder"), Mapping):
        changed["encoder"] = _encoder_of_third(changed["encoder"])
    return {"masked": False, **changed} if changed.get("name") == "per_date" else changed


def _name_second(weights: Weights, description: Description) -> Weights:
    """Statistics are kept by the names of the sources, also where there is one."""
    only = next(iter(description["inputs"]))
    renamed = {}
    for name, value in weights.items():
        place, _, statistic = name.partition(".")
        if place == "standardise":
            source, _, rest = statistic.removeprefix("sources.").rpartition(".")
            name = f"standardise.{source or only}.{rest}"  # noqa: PLW2901
        renamed[name] = value
    return renamed


#: Version -> what leads from it to the next: of the description, and of the weights.
_STEPS: dict[int, tuple[Callable[[Description], Description], Callable[[Weights, Description], Weights]]] = {
    1: (_describe_second, _name_second),
    2: (_describe_third, lambda weights, _: weights),
}
#: The format that is written.
FORMAT_VERSION = 1 + max(_STEPS)
#: All formats that are read.
KNOWN_VERSIONS = (*_STEPS, FORMAT_VERSION)

"""The encoder out of a file of a model that somebody trained on, such as those of TerraTorch."""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import Tensor

from groundwork.errors import WeightsError

#: How names begin of what stands before a decoder, in a checkpoint of Lightning.
ENCODER = "model.encoder."
#: What wrappers put into names.
_WRAPPINGS = (r"^base_model\.model\.", r"^_timm_module\.", r"(?<=\.)base_layer\.")
#: Queries, keys and values that were taken apart, in the order in which they lie in the joint layer.
_APART = ("q_linear", "k_linear", "v_linear")


def of_encoder(weights: Mapping[str, Tensor], source: str) -> dict[str, Tensor]:
    """Return the weights of the encoder by its own names; those of a file of an encoder alone as they are.

    Args:
        weights: As in the file.
        source: The file, for the message.

    Raises:
        WeightsError: For an encoder with adapters, which are part of what it has learnt.
    """
    if not any(name.startswith(ENCODER) for name in weights):
        return dict(weights)
    inner = {name.removeprefix(ENCODER): value for name, value in weights.items() if name.startswith(ENCODER)}
    adapted = [name for name in inner if ".lora_" in name]
    if adapted:
        raise WeightsError(
            f"{source} holds an encoder with adapters ({len(adapted)} tensors, such as {adapted[0]}), without which it "
            "is not what was trained. Make a bundle of the checkpoint (`groundwork bundle import`), or take its base"
        )
    return _joined({_unwrap(name): value for name, value in inner.items()})


def _unwrap(name: str) -> str:
    for pattern in _WRAPPINGS:
        name = re.sub(pattern, "", name)
    return name


def _joined(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Put queries, keys and values together again."""
    found: dict[str, Tensor] = {}
    for name, value in weights.items():
        if f".{_APART[0]}." in name:
            parts = [weights[name.replace(f".{_APART[0]}.", f".{part}.")] for part in _APART]
            found[name.replace(f".{_APART[0]}.", ".")] = torch.cat(parts)
        elif not any(f".{part}." in name for part in _APART):
            found[name] = value
    return found

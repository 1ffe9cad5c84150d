"""Read what TerraTorch has trained, without running any code of the file's."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor
from torch.serialization import get_unsafe_globals_in_checkpoint, safe_globals

from groundwork.errors import WeightsError

#: How names of weights begin in a checkpoint of Lightning.
PREFIX = "model."


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a file holds."""

    #: By their names behind ``model.``, and all others by their whole names.
    weights: dict[str, Tensor]
    #: What the network was built with, as far as it is plain values. Empty: the file does not say.
    model_args: dict[str, object] = field(default_factory=dict)
    #: Classes that the file names. Nothing was built of them.
    classes: tuple[str, ...] = ()


class StandIn:
    """Takes the place of a class or function that a file names: it keeps what it is given, and does nothing."""

    stands_for = ""

    def __new__(cls, *given: object) -> Self:
        """Return one, whatever is given."""
        made = super().__new__(cls)
        made.given = given
        return made

    def __init__(self, *given: object) -> None:
        self.given = given

    def __setstate__(self, state: object) -> None:
        """Keep nothing of a state."""


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint of Lightning, or a file of weights alone.

    Raises:
        WeightsError: For a file that is missing, broken, or holds no weights by name.
    """
    if not path.is_file():
        raise WeightsError(f"{path} does not exist, or is no file")
    classes: tuple[str, ...] = ()
    try:
        if path.suffix == ".safetensors":
            content: object = load_file(path)
        else:
            content, classes = _read_torch(path)
    except pickle.UnpicklingError as error:
        raise WeightsError(
            f"{path} was not opened, as it could run code ({_reason(error)}). If you trust it, save its 'state_dict' "
            "alone in the environment it comes from"
        ) from None
    except (SafetensorError, OSError, RuntimeError, EOFError, KeyError, ValueError, TypeError) as error:
        raise WeightsError(f"{path} cannot be read as a checkpoint; it may be truncated: {error}") from None
    whole = content if isinstance(content, Mapping) else {}
    nested = whole.get("state_dict", whole)
    found = {str(name): value for name, value in nested.items() if isinstance(value, Tensor)}
    if not found:
        raise WeightsError(f"{path} holds no weights by name")
    return Checkpoint(_without_prefix(found), _model_args(whole.get("hyper_parameters")), classes)


def _read_torch(path: Path) -> tuple[object, tuple[str, ...]]:
    """Return the content, and the names of what stands in for it."""
    names = get_unsafe_globals_in_checkpoint(path)
    stand_ins: list[Callable[..., object] | tuple[Callable[..., object], str]] = [
        (type("StandIn", (StandIn,), {"stands_for": name}), name) for name in names
    ]
    with safe_globals(stand_ins):
        content: object = torch.load(path, map_location="cpu", weights_only=True)
    return content, tuple(sorted(names))


def _reason(error: Exception) -> str:
    """Return what torch found, without its advice to read the file all the same."""
    lines = [line.strip() for line in str(error).splitlines()]
    told = ("WeightsUnpickler error:", "Trying to load", "Unsupported")
    return next((line for line in lines if line.startswith(told)), lines[0])


def _without_prefix(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(PREFIX): value for name, value in weights.items()}


def _model_args(stated: object) -> dict[str, object]:
    arguments = stated.get("model_args") if isinstance(stated, Mapping) else None
    if not isinstance(arguments, Mapping):
        return {}
    return {str(key): as_plain(value) for key, value in arguments.items()}


def as_plain(value: object) -> object:
    """Return a value as YAML has it: a band that is a member of an enumeration becomes its name.

    What is no plain value is returned as it is.
    """
    if isinstance(value, StandIn) and len(value.given) == 1 and isinstance(value.given[0], str):
        return value.given[0]
    if isinstance(value, Mapping):
        return {str(key): as_plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [as_plain(part) for part in value]
    return value

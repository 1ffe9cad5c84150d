"""Options of the command line that change one value inside what a file states as it stands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from jsonargparse import Namespace, get_loader

#: Arguments of this library's classes that hold what a recipe states.
FREE = {"model": ("model", "training"), "data": ("places", "data", "indexing", "loader")}
#: Of the commands themselves.
TOP = ("evaluation", "inference")


class Override(NamedTuple):
    """A value inside a free part."""

    #: Where the part stands, such as ``model.init_args.training``.
    part: str
    #: Keys inside it.
    keys: tuple[str, ...]
    value: object


def split_overrides(arguments: Sequence[str]) -> tuple[list[str], list[Override]]:
    """Return the arguments that jsonargparse reads, and those that change a value inside a free part.

    Their texts are read as YAML, as those of other options are; jsonargparse keeps them as text there.
    """
    rest: list[str] = []
    found: list[Override] = []
    waiting = list(arguments)
    while waiting:
        argument = waiting.pop(0)
        name, has_value, text = argument.partition("=")
        place = _place_of(name)
        if place is None or not (has_value or waiting):
            rest.append(argument)
            continue
        found.append(Override(*place, get_loader("yaml")(text if has_value else waiting.pop(0))))
    return rest, found


def apply(overrides: Sequence[Override], config: Namespace) -> None:
    """Set the values in a configuration, at any depth."""
    for part, keys, value in overrides:
        stated = config.get(part)
        config[part] = _changed(stated if isinstance(stated, dict) else {}, keys, value)


def _changed(stated: dict[str, Any], keys: tuple[str, ...], value: object) -> dict[str, Any]:
    first, *others = keys
    if not others:
        return {**stated, first: value}
    inner = stated.get(first)
    return {**stated, first: _changed(inner if isinstance(inner, dict) else {}, tuple(others), value)}


def _place_of(name: str) -> tuple[str, tuple[str, ...]] | None:
    """Return the free part that an option lies in, and the keys inside."""
    keys = name.removeprefix("--").split(".") if name.startswith("--") else []
    if len(keys) > 1 and keys[0] in TOP:
        return keys[0], tuple(keys[1:])
    if not keys or keys[0] not in FREE:
        return None
    inner = [key for key in keys[1:2] if key != "init_args"] + keys[2:]
    if len(inner) < 2 or inner[0] not in FREE[keys[0]]:
        return None
    return f"{keys[0]}.init_args.{inner[0]}", tuple(inner[1:])

"""Types, defaults and docstrings of components in the words of those who write YAML."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from datetime import date
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from groundwork.config.component import ComponentConfig

_WORDS: dict[object, str] = {
    int: "whole number",
    float: "number",
    bool: "true or false",
    str: "text",
    Any: "any value",
    object: "any value",
    NoneType: "null",
    date: "day",
}


def type_in_words(annotation: object) -> str:
    """Return for example "list of whole number or null".

    Raises:
        KeyError: For a type that has no words yet.
    """
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return type_in_words(parts[0])
    if origin is Literal:
        return " or ".join(f"`{part}`" for part in parts)
    if origin in {Union, UnionType}:
        return " or ".join(type_in_words(part) for part in parts)
    if origin is tuple:
        number = "list of" if Ellipsis in parts else f"{len(parts)} times"
        return f"{number} {type_in_words(parts[0])}"
    if origin in {dict, Mapping}:
        return f"name: {type_in_words(parts[1])}"
    return _class_in_words(annotation)


def as_yaml(value: object) -> str:
    """Return a default as it is written in YAML; ``...`` means that there is none."""
    if value is ...:
        return "must be given"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, tuple | list):
        return f"`[{', '.join(str(part) for part in value)}]`"
    if isinstance(value, Mapping):
        return "`{}`"
    if isinstance(value, BaseModel):
        return "each key's own"
    return f"`{value}`"


def described_arguments(component: type) -> dict[str, str]:
    """Return what the section ``Args:`` of a class's docstring says of each argument."""
    text = inspect.cleandoc(component.__doc__ or "")
    section = re.search(r"^Args:\n((?:    .*\n?|\n)+)", text, re.MULTILINE)
    found: dict[str, str] = {}
    for line in section[1].splitlines() if section else ():
        start = re.match(r" {4}(\w+): (.*)", line)
        if start:
            found[start[1]] = start[2]
        elif found and line.strip():
            found[next(reversed(found))] += f" {line.strip()}"
    return found


def first_line(kind: type) -> str:
    """Return the first line of a class's docstring, as YAML's readers know its words."""
    return in_yaml_words((kind.__doc__ or "").strip().splitlines()[0])


def in_yaml_words(text: str) -> str:
    """Return text of the code without its markup, and with null for None."""
    text = re.sub(r":\w+:`~?([^`]+)`", r"`\1`", text).replace("``", "`")
    return re.sub(r"\bNone\b", "null", text)


def _class_in_words(annotation: object) -> str:
    if annotation in _WORDS:
        return _WORDS[annotation]
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "component" if issubclass(annotation, ComponentConfig) else f"`{annotation.__name__}`"
    raise KeyError(f"No words for the type {annotation}: add it to _WORDS")

"""What comes from YAML is taken as it is or refused: no unknown keys, no text for a number, near misses named."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic_core import PydanticCustomError


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """Return ``" Did you mean 'x'?"`` for the nearest known word, or an empty string."""
    near = get_close_matches(word.lower(), [name.lower() for name in known], n=1, cutoff=0.6)
    original = [name for name in known if near and name.lower() == near[0]]
    return f" Did you mean '{original[0]}'?" if original else ""


def text_for_number(values: Mapping[str, Any], kinds: Mapping[str, Any]) -> str | None:
    """Return what is wrong where a text or a truth value stands for a number, or a text for a truth value.

    pydantic would turn "64" into 64, "no" into false and true into 1 without a word.

    Args:
        values: Name -> what was given.
        kinds: Name -> the annotation of what is wanted.
    """
    for name, value in values.items():
        wanted = set(_plain_types(kinds.get(name)))
        for item in value if isinstance(value, list | tuple) else (value,):
            if isinstance(item, str) and wanted & {int, float, bool} and str not in wanted and item not in wanted:
                kind = "a number" if wanted & {int, float} else "true or false"
                return f"'{name}' must be {kind}, without quotation marks; found the text '{item}'"
            if isinstance(item, bool) and wanted & {int, float} and bool not in wanted:
                return f"'{name}' must be a number; found {str(item).lower()}"
    return None


def explain(name: str, error: ValidationError) -> str:
    """Return one line for each problem: which key, what is wrong, what was found.

    Args:
        name: Of what was validated; keys in it are told with dots.
        error: What pydantic says of it.
    """
    lines = []
    for problem in error.errors(include_url=False):
        place = ".".join([name, *(str(part) for part in problem["loc"])])
        found = "" if isinstance(problem["input"], dict | list | tuple) else f" (found {problem['input']!r})"
        lines.append(f"  {place}: {problem['msg'].removeprefix('Value error, ')}{found}")
    return "\n".join(lines)


def _plain_types(annotation: object) -> Iterator[object]:
    """Yield the types and literal values that an annotation is made of."""
    parts = get_args(annotation)
    if not parts:
        yield annotation
    for part in parts:
        yield from _plain_types(part)


class Config(BaseModel):
    """Base of everything that comes from YAML: immutable, and strict about unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _name_unknown_keys(cls, data: object) -> object:
        known = list(cls.model_fields)
        if not isinstance(data, dict):
            return data
        wrong = text_for_number(data, {name: field.annotation for name, field in cls.model_fields.items()})
        if wrong is not None:
            raise PydanticCustomError("text_for_number", "{wrong}", {"wrong": wrong})
        if cls.model_config.get("extra") == "allow":
            return data
        unknown = [str(key) for key in data if key not in known]
        if unknown:
            hints = " ".join(f"Unknown key '{key}'.{did_you_mean(key, known)}" for key in unknown)
            raise PydanticCustomError("unknown_key", "{hints} Known keys: {known}", {"hints": hints, "known": known})
        return data

"""What comes from YAML is taken as it is or refused: no unknown keys, no text for a number, near misses named."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, ClassVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic_core import ErrorDetails, PydanticCustomError

#: What pydantic calls a value of the wrong form -> what is wanted, in words of YAML.
_FORMS = {
    **dict.fromkeys(("dict_type", "mapping_type", "model_type", "dataclass_type"), "keys with values"),
    **dict.fromkeys(("tuple_type", "list_type", "set_type"), "a list"),
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), "a whole number"),
    **dict.fromkeys(("float_type", "float_parsing"), "a number"),
    **dict.fromkeys(("bool_type", "bool_parsing"), "true or false"),
    "string_type": "a text",
}
#: What pydantic adds to the place of a value that may be of several kinds: which kind it speaks of.
_KIND = re.compile(r"[a-z-]+\[.*\]|(constrained-)?(int|float|bool|str)|none", re.DOTALL)
#: Longest value that is told.
_LONGEST = 60


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
                words = [word for word in wanted if isinstance(word, str)]
                kind = " or ".join(["a number" if wanted & {int, float} else "true or false", *sorted(words)])
                hint = did_you_mean(item, words)
                return f"'{name}' must be {kind}, without quotation marks; found the text '{item}'{hint and '.'}{hint}"
            if isinstance(item, bool) and wanted & {int, float} and bool not in wanted:
                return f"'{name}' must be a number; found {str(item).lower()}"
    return None


def explain(name: str, error: ValidationError) -> str:
    """Return one line for each key that is wrong: what is, and what was found.

    Args:
        name: Of what was validated; keys in it are told with dots.
        error: What pydantic says of it.
    """
    problems = [(_place(name, problem), problem) for problem in error.errors(include_url=False)]
    # What is wrong inside of a list leaves it too short.
    inside = [place for place, problem in problems if problem["type"] != "too_short"]
    said: dict[str, list[str]] = {}
    for place, problem in problems:
        if problem["type"] != "too_short" or not any(part.startswith(f"{place}.") for part in inside):
            said.setdefault(place, []).append(words_of(problem))
    return "\n".join(f"  {place}: {', or '.join(words)}" for place, words in said.items())


def words_of(problem: ErrorDetails) -> str:
    """Return what pydantic says of a value in words of YAML: what is wanted, and what was found."""
    kind, found = problem["type"], problem["input"]
    if kind == "missing":
        return "must be given"
    if kind in _FORMS:
        return f"must be {_FORMS[kind]}; found {in_yaml(found)}{_as_list(found) if _FORMS[kind] == 'a list' else ''}"
    message = problem["msg"].removeprefix("Value error, ")
    if isinstance(found, dict | list | tuple) or "found" in message:
        return message
    near = re.findall(r"'([^']+)'", message) if kind == "literal_error" and isinstance(found, str) else []
    hint = did_you_mean(found, near) if near else ""
    return f"{message} (found {in_yaml(found)}).{hint}" if hint else f"{message} (found {in_yaml(found)})"


def in_yaml(value: object) -> str:
    """Return a value as YAML has it, where it is short, and else what it is."""
    if isinstance(value, dict):
        return f"the keys {list(value)}"
    text = json.dumps(value, default=str) if isinstance(value, bool | None | list | tuple) else repr(value)
    return text if len(text) <= _LONGEST else f"a {'list' if isinstance(value, list | tuple) else type(value).__name__}"


def _as_list(found: object) -> str:
    """Return how a list is written of what stands in its place."""
    if isinstance(found, dict):
        return ". Begin each entry with '- '"
    return f". Write [{found}]" if isinstance(found, str) else ""


def _place(name: str, problem: ErrorDetails) -> str:
    parts, classes = [str(part) for part in problem["loc"]], set(_names_below(Config))
    # The key of what is missing is one, whatever it looks like.
    last = parts[-1:] if problem["type"] == "missing" else []
    keys = (part for part in parts[: len(parts) - len(last)] if not _KIND.fullmatch(part) and part not in classes)
    return ".".join([name, *keys, *last])


def _names_below(kind: type[BaseModel]) -> Iterator[str]:
    part: type[BaseModel]
    for part in kind.__subclasses__():
        yield part.__name__
        yield from _names_below(part)


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

    #: How it is written, for messages. Empty: its keys stand for it.
    example: ClassVar[str] = ""

    @model_validator(mode="before")
    @classmethod
    def _name_unknown_keys(cls, data: object) -> object:
        known = list(cls.model_fields)
        if isinstance(data, cls):
            return data
        if not isinstance(data, dict):
            wanted = [name for name, field in cls.model_fields.items() if field.is_required()] or known[:2]
            shown = cls.example or f"{{{', '.join(f'{name}: ...' for name in wanted)}}}"
            keys = "" if cls.model_config.get("extra") == "allow" else f". Known keys: {known}"
            said = {"example": shown, "found": in_yaml(data), "keys": keys}
            message = "must be keys with values, such as {example}; found {found}{keys}"
            raise PydanticCustomError("no_keys", message, said)
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

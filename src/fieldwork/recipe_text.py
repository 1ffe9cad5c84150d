"""A recipe as a person would write it: only what differs, short parts in one line, a comment where something is odd."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from textwrap import wrap
from typing import Any

import yaml

from groundwork.config.merging import is_another_component

WIDTH = 120
#: Keys below so many others are always broken into lines.
BROKEN = 1


def differing(base: Mapping[str, Any], stated: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of a configuration is other than in the base; a component picked anew is kept whole."""
    found: dict[str, Any] = {}
    for key, value in stated.items():
        old = base.get(key)
        if isinstance(value, Mapping) and isinstance(old, Mapping) and not is_another_component(old, value):
            inner = differing(old, value)
            if inner:
                found[key] = inner
        elif key not in base or old != value:
            found[key] = value
    return found


def as_text(values: Mapping[str, Any], comments: Iterable[tuple[str, str]]) -> str:
    """Return YAML with comments above the keys that they belong to.

    Args:
        values: What the file states.
        comments: Key with dots -> what is to be said. One of a key that is not stated stands above the nearest of
            those that hold it.
    """
    by_key: dict[str, list[str]] = {}
    for key, text in comments:
        place = _nearest(values, key)
        if place and text not in by_key.setdefault(place, []):
            by_key[place].append(text)
    return "\n".join(_block(values, by_key, "", 0)) + "\n"


def _nearest(values: Mapping[str, Any], key: str) -> str:
    """Return the key, as far as it is stated. Empty: nothing of it is."""
    place: list[str] = []
    inner: Any = values
    for part in key.split("."):
        if not isinstance(inner, Mapping) or part not in inner:
            break
        place.append(part)
        inner = inner[part]
    return ".".join(place)


def _block(values: Mapping[str, Any], comments: Mapping[str, list[str]], prefix: str, depth: int) -> Iterator[str]:
    indent = "  " * depth
    for key, value in values.items():
        place = f"{prefix}{key}"
        for text in comments.get(place, ()):
            sentence = f"{text[:1].upper()}{text[1:]}."
            lines = wrap(sentence, WIDTH - len(indent) - 2, break_long_words=False, break_on_hyphens=False)
            yield from (f"{indent}# {part}" for part in lines)
        line = f"{indent}{_inline(key)}: {_inline(value)}"
        is_commented = any(other.startswith(f"{place}.") for other in comments)
        if isinstance(value, Mapping) and value and (depth < BROKEN or is_commented or len(line) > WIDTH):
            yield f"{indent}{_inline(key)}:"
            yield from _block(value, comments, f"{place}.", depth + 1)
        elif isinstance(value, list) and any(isinstance(entry, Mapping) and len(entry) > 1 for entry in value):
            yield f"{indent}{_inline(key)}:"
            yield from (f"{indent}  - {_wrapped(entry, depth + 3)}" for entry in value)
        elif len(line) > WIDTH:
            yield f"{indent}{_inline(key)}:"
            yield f"{indent}  {_wrapped(value, depth + 1)}"
        else:
            yield line


def _wrapped(value: Any, depth: int) -> str:  # noqa: ANN401 - whatever YAML holds
    """Return a value in as few lines as it takes; all but the first are indented."""
    indent = "  " * depth
    width = WIDTH - len(indent) - 12
    text = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=width, allow_unicode=True)
    return text.strip().removesuffix("...").strip().replace("\n", f"\n{indent}")


def _inline(value: Any) -> str:  # noqa: ANN401 - whatever YAML holds
    text = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=10**6, allow_unicode=True)
    return text.strip().removesuffix("...").strip()

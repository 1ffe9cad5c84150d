"""What two states of a parameter do not agree on, in words."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import TypeAdapter, ValidationError

from fieldwork.parameters import PARAMETERS

#: Values that are longer than this are left out of a message.
LONGEST = 40
#: Most keys of a message.
MOST = 5


def since_recorded(name: str, recorded: Any, stated: Any, left_out: Any = None) -> list[str]:  # noqa: ANN401
    """Return what of a parameter is stated otherwise than when a record was left.

    Args:
        name: Of the parameter.
        recorded: What the record says of it.
        stated: What is stated now.
        left_out: Keys that are not compared, as pydantic takes them.
    """
    kind = TypeAdapter(PARAMETERS[name])
    try:
        before = kind.validate_python(recorded)
    except ValidationError:
        # Another version of the library wrote it, with keys that mean nothing here.
        return []
    states = (before, kind.validate_python(stated))
    return list(differences(name, *(kind.dump_python(state, mode="json", exclude=left_out) for state in states)))


def in_short(found: Sequence[str]) -> str:
    """Return the first of what was found, and how many more there are."""
    more = f" and {len(found) - MOST} more" if len(found) > MOST else ""
    return f"{'; '.join(found[:MOST])}{more}"


def differences(key: str, before: Any, now: Any) -> Iterator[str]:  # noqa: ANN401 - whatever YAML holds
    """Yield each key that two states of a parameter do not agree on, with both values where they are short."""
    before, now = _by_name(before), _by_name(now)
    if isinstance(before, dict) and isinstance(now, dict):
        for name in sorted(before.keys() | now.keys()):
            yield from differences(f"{key}.{name}", before.get(name), now.get(name))
    elif before != now:
        is_short = len(str(before)) <= LONGEST and len(str(now)) <= LONGEST
        yield f"'{key}' was {json.dumps(before)} and is {json.dumps(now)}" if is_short else f"'{key}' is another"


def _by_name(value: Any) -> Any:  # noqa: ANN401 - as of differences
    """Return bands, classes and the like by their names, and in which order these are."""
    if isinstance(value, list) and value and all(isinstance(part, dict) and "name" in part for part in value):
        return {"order": [part["name"] for part in value], **{part["name"]: part for part in value}}
    return value

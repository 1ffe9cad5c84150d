"""What two states of a parameter do not agree on, in words."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from fieldwork.parameters import PARAMETERS

#: Values that are longer than this are left out of a message.
LONGEST = 40


def since_recorded(recorded: Mapping[str, Any], stated: Mapping[str, Any], left_out: Any) -> list[str]:  # noqa: ANN401
    """Return what of ``data`` is stated otherwise than when samples were made.

    Args:
        recorded: The parameters of the record that was left then.
        stated: ``data`` as it is stated.
        left_out: Keys that are not compared, as pydantic takes them.
    """
    kind = PARAMETERS["data"]
    try:
        before = kind.model_validate(recorded.get("data")).model_dump(mode="json", exclude=left_out)
    except ValidationError:
        # Another version of the library wrote it, with keys that mean nothing here.
        return []
    return list(differences("data", before, kind.model_validate(stated).model_dump(mode="json", exclude=left_out)))


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

"""What a configuration file states, as it stands, before a class of :mod:`groundwork.config` reads it."""

from __future__ import annotations

from typing import TypeAlias, TypeVar

from pydantic import BaseModel, ValidationError

from groundwork.errors import SpecError
from groundwork.strict import explain

#: Keys and values. Spelt out, text first: jsonargparse reads the text of a value that may be anything once more, and
#: makes 7 of "007" and nothing of "#ffffff".
Stated: TypeAlias = dict[str, str | bool | int | float | list | dict | None]  # type: ignore[type-arg]
#: A list of such, or of bare names.
StatedList: TypeAlias = list[str | dict]  # type: ignore[type-arg]

Kind = TypeVar("Kind", bound=BaseModel)


def read_stated(kind: type[Kind], stated: object, where: str) -> Kind:
    """Return what is stated as its class.

    Args:
        kind: A class of configuration.
        stated: As it stands in the file.
        where: The key it stands under, for messages.

    Raises:
        SpecError: With each key that is wrong, and what was found.
    """
    try:
        return kind.model_validate(stated)
    except ValidationError as error:
        raise SpecError(f"'{where}' is not as it should be:\n{explain(where, error)}") from error



"""What a configuration file states, as it stands, before a class of :mod:`groundwork.config` reads it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias, TypeVar

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


def with_trainer(training: Mapping[str, Any], stated: Mapping[str, Any]) -> dict[str, Any]:
    """Return a training with what is stated for the Trainer, as a recipe states it.

    Args:
        training: As under ``training``; may leave ``max_epochs`` and ``trainer`` out.
        stated: As under ``trainer``.

    Raises:
        SpecError: Where both say something, and not the same.
    """
    own: Any = training.get("trainer") or {}
    if not isinstance(own, dict):
        # Its class says what is wrong.
        return dict(training)
    both = {**own, **({"max_epochs": training["max_epochs"]} if "max_epochs" in training else {})}
    for key, value in stated.items():
        if key in both and both[key] != value:
            raise SpecError(
                f"'trainer.{key}' is {value!r}, and 'training' says {both[key]!r}: leave it out of 'training'."
            )
        if isinstance(value, dict) and "class_path" in value:
            advice = " Loggers are named in 'training.loggers'." if key == "logger" else ""
            raise SpecError(
                f"'trainer.{key}' names a class; a task of this library takes names and numbers there.{advice}"
            )
    trainer = {**own, **{key: value for key, value in stated.items() if key != "max_epochs"}}
    epochs = {"max_epochs": stated["max_epochs"]} if "max_epochs" in stated else {}
    return {**training, **epochs, **({"trainer": trainer} if trainer else {})}

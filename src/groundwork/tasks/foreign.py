"""Classes of torch and timm by their own names, with their own options, which are checked before they are built."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from groundwork.errors import ComponentError
from groundwork.strict import did_you_mean


@dataclass(frozen=True, slots=True)
class ForeignClass:
    """A class of another library."""

    name: str
    make: type[Any]
    #: Names of its arguments.
    parameters: tuple[str, ...]


def classes_of(module: ModuleType, family: type, without: Sequence[str] = ()) -> dict[str, type[Any]]:
    """Return the classes of a family that a module offers, by name."""
    found = {name: value for name, value in vars(module).items() if not name.startswith("_") and name not in without}
    return {name: value for name, value in found.items() if isinstance(value, type) and issubclass(value, family)}


def check_foreign(
    known: Mapping[str, type[Any]], name: str, options: Mapping[str, Any], home: str, own: Sequence[str]
) -> ForeignClass:
    """Find a class by name, and refuse options that it does not have.

    Args:
        known: Name -> class.
        name: The one that is wanted.
        options: For its arguments.
        home: Where the classes come from, for messages.
        own: Arguments that the code passes on.

    Raises:
        ComponentError: With the near miss.
    """
    if name not in known:
        raise ComponentError(f"{home} has no '{name}'.{did_you_mean(name, list(known))} Known: {sorted(known)}")
    parameters = tuple(inspect.signature(known[name]).parameters)
    free = [parameter for parameter in parameters if parameter not in own]
    for option in options:
        if option not in free:
            raise ComponentError(
                f"'{name}' of {home} has no option '{option}'.{did_you_mean(option, free)} Options: {free}"
            )
    return ForeignClass(name, known[name], parameters)


def build_foreign(found: ForeignClass, wired: Sequence[object], options: Mapping[str, Any]) -> object:
    """Build a class of another library.

    Raises:
        ComponentError: Where it does not take its options.
    """
    try:
        return found.make(*wired, **options)
    except (TypeError, ValueError, AssertionError) as error:
        raise ComponentError(f"'{found.name}' cannot be built with {dict(options)}: {error}") from error

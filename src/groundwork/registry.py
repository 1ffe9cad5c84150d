"""Build a component by name: what stands before the ``*`` is wired by code, what stands after it is set in YAML."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any, TypeVar, cast, get_type_hints

from pydantic import ConfigDict, ValidationError, create_model

from groundwork.config.component import ComponentConfig
from groundwork.errors import ComponentError, SpecError
from groundwork.strict import did_you_mean, text_for_number, words_of
from groundwork.table import AdvisedTable, Table, module_of

__all__ = ["Table", "build", "check_options", "find", "located", "option_fields"]

Kind = TypeVar("Kind")


def find(table: Table, name: str) -> type:
    """Return the class behind a name of the table, or behind an import path (a name with a dot).

    Raises:
        ComponentError: For a name that is neither; it lists the known names and the nearest one.
    """
    entry = table.get(name)
    if entry is None:
        return _import_own(table, name)
    if isinstance(entry, type):
        return entry
    module_name, _, class_name = entry.partition(":")
    return getattr(import_module(module_name), class_name)  # type: ignore[no-any-return]


@contextmanager
def located(where: str) -> Iterator[None]:
    """Say of components that are refused where in the configuration they stand, such as ``model.decoder``.

    Args:
        where: Empty: it is not known.
    """
    try:
        yield
    except (ComponentError, SpecError) as error:
        if not where:
            raise
        raise type(error)(f"{where}: {error}") from error


def option_fields(component: type, *, limits: bool = False) -> dict[str, tuple[Any, Any]]:
    """Return type and default of each option (keyword-only argument) of a component; ``...`` where there is none.

    Args:
        component: Whose options.
        limits: Whether the types keep what :data:`typing.Annotated` says of their values.
    """
    hints = get_type_hints(inspect.unwrap(component.__init__), include_extras=limits)  # type: ignore[misc]
    return {
        parameter.name: (
            hints.get(parameter.name, Any),
            ... if parameter.default is inspect.Parameter.empty else parameter.default,
        )
        for parameter in inspect.signature(component).parameters.values()
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY
    }


def build(kind: Callable[..., Kind], table: Table, config: ComponentConfig, *wired: object, where: str = "") -> Kind:
    """Build the component that ``config`` names.

    Args:
        kind: The abstract class of the family, which also a user's own component must extend.
        table: The family's names and classes.
        config: The name, and the options for the keyword-only arguments of the constructor.
        wired: What the code passes on: specs, in the order of the constructor's positional arguments.
        where: Where the component stands in the configuration, such as ``model.decoder``, for messages.

    Raises:
        ComponentError: For an unknown name, an unknown or missing option, or an option of the wrong type.
        SpecError: Where the component refuses what is wired.
    """
    with located(where):
        component = find(table, config.name)
        family = cast("type[Kind]", kind)
        if not issubclass(component, family):
            raise ComponentError(f"'{config.name}' is {component}, which is no {family.__name__}")
        options = check_options(component, config)
        return component(*wired, **options)


def check_options(component: type, config: ComponentConfig) -> dict[str, Any]:
    """Return the options of ``config`` converted to the types of the component's signature.

    Raises:
        ComponentError: For an unknown or missing option, or one of the wrong type.
    """
    fields = option_fields(component, limits=True)
    schema = create_model(  # type: ignore[call-overload]
        component.__name__, __config__=ConfigDict(extra="forbid", arbitrary_types_allowed=True), **fields
    )
    try:
        checked = schema.model_validate(config.options)
    except ValidationError as error:
        raise ComponentError(_explain(config.name, fields, error)) from None
    wrong = text_for_number(config.options, {name: kind for name, (kind, _) in option_fields(component).items()})
    if wrong is not None:
        raise ComponentError(f"'{config.name}' cannot be built: {wrong}.")
    return {key: getattr(checked, key) for key in fields if key in config.options}


def _import_own(table: Table, name: str) -> type:
    if "." not in name:
        advice = _advise(table, name) or did_you_mean(name, list(table))
        raise ComponentError(f"Unknown component '{name}'.{advice} Known: {sorted(table)}")
    path = name.replace(":", ".")
    class_name = path.rpartition(".")[2]
    if not all(part.isidentifier() for part in path.split(".")):
        advice = _advise(table, name) or " Write package.module.Class"
        raise ComponentError(f"'{name}' is not the import path of a component.{advice}")
    try:
        found = getattr(import_module(module_of(name)), class_name)
    except (ImportError, AttributeError) as error:
        advice = _advise(table, name)
        raise ComponentError(f"'{name}' cannot be imported as a component: {error}.{advice}") from error
    if not isinstance(found, type):
        raise ComponentError(f"'{name}' is no class, but a {type(found).__name__}. Write package.module.Class")
    return found


def _advise(table: Table, name: str) -> str:
    # Advice may load whole libraries, so it is asked for only where there is no such component.
    return table.advise(name) if isinstance(table, AdvisedTable) else ""


def _explain(name: str, fields: dict[str, tuple[Any, Any]], error: ValidationError) -> str:
    lines = []
    for problem in error.errors():
        where = ".".join(str(part) for part in problem["loc"])
        if problem["type"] == "extra_forbidden" and len(problem["loc"]) == 1:
            lines.append(f"it has no option '{where}'.{did_you_mean(where, list(fields))}".removesuffix("."))
        else:
            lines.append(f"{where}: {words_of(problem)}")
    known = ", ".join(key if default is ... else f"{key}={default!r}" for key, (_, default) in fields.items())
    said = "; ".join(lines)
    return f"'{name}' cannot be built: {said}{'' if said.endswith(('?', '.')) else '.'} Options: {known or 'none'}"

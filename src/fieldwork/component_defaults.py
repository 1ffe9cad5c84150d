"""What options of components are where a file does not state them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from groundwork.cli.listing import FAMILIES
from groundwork.data.sampling import SAMPLINGS
from groundwork.registry import find, option_fields
from groundwork.table import Table
from groundwork.tasks import TASKS
from groundwork.tasks.optimizers import OPTIMIZERS
from groundwork.tasks.schedules import SCHEDULES
from groundwork.training.averaging import AVERAGES

#: Parameter -> key -> the table of the component that is named there.
TABLES: Mapping[str, Mapping[str, Table]] = {
    "model": FAMILIES,
    "training": {
        "task": TASKS,
        "optimizer": OPTIMIZERS,
        "schedule": SCHEDULES,
        "sampling": SAMPLINGS,
        "averaging": AVERAGES,
    },
}


def with_options(parameter: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a parameter in which components state all options that have a default.

    Args:
        parameter: Its name, such as ``training``.
        values: Its values, with the defaults of its own keys.

    Raises:
        ComponentError: For a name that no component has.
    """
    tables = TABLES.get(parameter, {})
    named = {key: value for key, value in values.items() if key in tables and isinstance(value, Mapping)}
    return {**values, **{key: {**_defaults(tables[key], value), **value} for key, value in named.items()}}


def _defaults(table: Table, component: Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(component.get("name"), str):
        # A component for each source.
        return {}
    options = {key: default for key, (_, default) in option_fields(find(table, component["name"])).items()}
    return {key: _plain(default) for key, default in options.items() if default is not ...}


def _plain(value: object) -> Any:  # noqa: ANN401 - whatever YAML holds
    return list(value) if isinstance(value, tuple) else value

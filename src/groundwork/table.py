"""What tables of components are made of. Nothing heavy is imported here, so that listing them is quick."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TypeAlias

#: Name of a component -> its class, or ``"module:Class"`` so that listing a table imports nothing heavy.
Table: TypeAlias = Mapping[str, str | type]


def module_of(name: str) -> str:
    """Return the module behind the name of a component: that of an import path, empty for one of a table."""
    return name.replace(":", ".").rpartition(".")[0]


class AdvisedTable(dict[str, str | type]):
    """A table that knows at which of its components other names are at home: variants, and the models of zoos.

    Args:
        components: As in any table.
        adviser: ``"module:function"``, which takes a name and returns a sentence on what to write for it, or nothing.
            It is imported only for a name that is not in the table.
    """

    def __init__(self, components: Table, adviser: str) -> None:
        super().__init__(components)
        self._adviser = adviser

    def advise(self, name: str) -> str:
        """Return for example ``" Write {name: timm, model: resnet18}."``, or an empty string."""
        module, _, function = self._adviser.partition(":")
        advice: str = getattr(import_module(module), function)(name)
        return advice

"""What tables of components are made of. Nothing is imported here, so that listing them is quick."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

#: Name of a component -> its class, or ``"module:Class"`` so that listing a table imports nothing heavy.
Table: TypeAlias = Mapping[str, str | type]


class ComponentError(ValueError):
    """A component's name or one of its options is wrong."""

"""List the components of models without importing them, and so without torch."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from groundwork.models.assembly.foreign import FULL_MODELS
from groundwork.models.decoders import DECODERS
from groundwork.models.encoders import ENCODERS
from groundwork.models.encoders.owners import variants_of
from groundwork.models.factories import FACTORIES
from groundwork.models.heads import HEADS
from groundwork.models.necks import NECKS
from groundwork.table import Table

#: Family, as in the model's configuration -> its table.
FAMILIES: dict[str, Table] = {
    "encoder": ENCODERS,
    "necks": NECKS,
    "decoder": DECODERS,
    "head": HEADS,
    "factory": FACTORIES,
    "full_model": FULL_MODELS,
}


def list_tables(only: str | None = None) -> str:
    """Return all components by family, each with the first line of its description and its variants."""
    lines: list[str] = []
    for family, table in FAMILIES.items():
        if only in {None, family}:
            lines += [family, *(f"  {line}" for line in _list_table(family, table)), ""]
    return "\n".join(lines)


def _list_table(family: str, table: Table) -> Iterator[str]:
    width = max(len(name) for name in table)
    for name in sorted(table):
        yield f"{name:<{width}}  {_summary(table[name])}"
        for variant in variants_of(name) if family == "encoder" else ():
            yield f"{'':<{width}}    variant: {variant}"


def _summary(entry: str | type) -> str:
    """Return the first line of a class's docstring, read from the source."""
    if isinstance(entry, type):
        return (entry.__doc__ or "").strip().splitlines()[0]
    module, _, name = entry.partition(":")
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        return ""
    for node in ast.parse(Path(spec.origin).read_text("utf-8")).body:
        if isinstance(node, ast.ClassDef) and node.name == name:
            return (ast.get_docstring(node) or "").partition("\n")[0]
    return ""

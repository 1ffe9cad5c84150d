"""Which source files a module depends on, read from its imports: what DVC watches instead of whole packages."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

#: An import string of a component table, such as ``groundwork.models.necks.select:SelectNeck``.
TABLE_ENTRY = re.compile(r"^(groundwork|fieldwork)(\.\w+)+:\w+$")


def files_behind(source: Path, modules: Iterable[str]) -> list[str]:
    """Return the files behind some modules and all that they import, imports inside functions included.

    Args:
        source: The folder ``src``.
        modules: Names of modules.

    Returns:
        Paths relative to the folder above ``src``.
    """
    waiting, seen = list(modules), set[Path]()
    while waiting:
        for file in _files(source, waiting.pop()):
            if file not in seen:
                seen.add(file)
                waiting.extend(_imports(file))
    return sorted(file.relative_to(source.parent).as_posix() for file in seen)


def _files(source: Path, module: str) -> Iterator[Path]:
    """Yield the file of a module, and the ``__init__`` of each package above it, as importing it runs them."""
    parts = module.split(".")
    for depth in range(1, len(parts) + 1):
        place = source.joinpath(*parts[:depth])
        for file in (place / "__init__.py", place.with_suffix(".py")):
            if file.is_file() and file.stat().st_size > 0:
                yield file


def _imports(file: Path) -> Iterator[str]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    skipped = {id(node) for block in ast.walk(tree) if _is_type_checking(block) for node in ast.walk(block)}
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and TABLE_ENTRY.match(node.value):
            yield node.value.partition(":")[0]


def _is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"

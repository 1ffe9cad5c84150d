"""Which source a module depends on, read from its imports: what DVC watches instead of all of it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
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
    waiting, looked_at, seen = list(modules), set[str](), set[Path]()
    while waiting:
        module = waiting.pop()
        if module in looked_at:
            continue
        looked_at.add(module)
        for file in _files(source, module):
            if file not in seen:
                seen.add(file)
                waiting.extend(_imports(file))
    return sorted(file.relative_to(source.parent).as_posix() for file in seen)


def folders_behind(source: Path, modules: Iterable[str]) -> list[str]:
    """Return the folders with the files behind some modules, few enough to be read: those next below each package.

    Args:
        source: The folder ``src``.
        modules: Names of modules.

    Returns:
        Paths relative to the folder above ``src``: folders such as ``src/groundwork/data``, each of ``pipelines`` by
        itself, and files that lie beside them.
    """
    found = set()
    for file in map(Path, files_behind(source, modules)):
        depth = 4 if file.parts[2:3] == ("pipelines",) else 3
        if file.name != "__init__.py" or len(file.parts) > depth or _does_something(source.parent / file):
            found.add(Path(*file.parts[:depth]).as_posix())
    return sorted(found)


def _does_something(file: Path) -> bool:
    """Whether a module holds more than its docstring."""
    body = ast.parse(file.read_text(encoding="utf-8")).body
    return any(not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)) for node in body)


def _files(source: Path, module: str) -> Iterator[Path]:
    """Yield the file of a module, and the ``__init__`` of each package above it, as importing it runs them."""
    parts = module.split(".")
    for depth in range(1, len(parts) + 1):
        place = source.joinpath(*parts[:depth])
        for file in (place / "__init__.py", place.with_suffix(".py")):
            if file.is_file() and file.stat().st_size > 0:
                yield file


def _imports(file: Path) -> tuple[str, ...]:
    state = file.stat()
    return _imports_of(file, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=4096)
def _imports_of(file: Path, changed_ns: int, size: int) -> tuple[str, ...]:  # noqa: ARG001 - what tells versions apart
    """Return what a file imports; each stage of each recipe asks for the same files."""
    return tuple(_find_imports(ast.parse(file.read_text(encoding="utf-8"))))


def _find_imports(tree: ast.Module) -> Iterator[str]:
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if _is_type_checking(node):
            continue
        waiting.extend(ast.iter_child_nodes(node))
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and TABLE_ENTRY.match(node.value):
            yield node.value.partition(":")[0]


def _is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"

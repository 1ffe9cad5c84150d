"""Write ``docs/rooms.md`` from the imports of the library: which room uses which.

Run ``python docs/generate_rooms.py`` after moving a module. A test checks that the page is in step.
"""

from __future__ import annotations

import sys
from ast import ClassDef, FunctionDef, get_docstring, parse
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import grimp
from draw_rooms import draw

PAGE = Path(__file__).parent / "rooms.md"
PICTURES = Path(__file__).parent / "images"
SOURCES = Path(__file__).parent.parent / "src"
#: Packages whose rooms are drawn, with a sentence on each drawing.
DRAWN = {
    "groundwork": "The library. A room uses those that arrows lead to; what it reaches through another has no arrow.",
    "groundwork.models": "Encoders, necks, decoders and heads do not know each other; `assembly` joins them.",
    "groundwork.models.encoders": "The encoders, by family. TorchGeo's reach into those of timm and smp.",
}


def render() -> str:
    """Return the page."""
    graph = grimp.build_graph("groundwork")
    lines = [
        "# The rooms of the library",
        "",
        "Drawn from the imports by `docs/generate_rooms.py`. Imports point down only: `pyproject.toml: importlinter`",
        "states the layers, and `make lint` holds them.",
        "",
    ]
    for package, sentence in DRAWN.items():
        rooms = _rooms_of(graph, package)
        lines += [f"## `{package}`", "", sentence, "", f"![Which room uses which](images/{_picture(package)})", ""]
        lines += ["| room | modules | holds |", "|---|--:|---|"]
        lines += [f"| `{_name(room)}` | {_count(graph, room)} | {_first_line(room)} |" for room in rooms]
        lines.append("")
    return "\n".join(lines)


def pictures() -> dict[str, str]:
    """Return the drawings by the names of their files."""
    graph = grimp.build_graph("groundwork")
    drawn = {}
    for package in DRAWN:
        reduced = _reduced(_uses(graph, _rooms_of(graph, package)))
        named = {_name(room): {_name(other) for other in others} for room, others in reduced.items()}
        drawn[_picture(package)] = draw(named)
    return drawn


def _picture(package: str) -> str:
    return f"rooms-{package.replace('.', '-')}.svg"


def _rooms_of(graph: grimp.ImportGraph, package: str) -> list[str]:
    return sorted(graph.find_children(package))


def _uses(graph: grimp.ImportGraph, rooms: Sequence[str]) -> dict[str, set[str]]:
    """Return room -> the rooms that any of its modules imports from."""
    of_module = {module: room for room in rooms for module in (room, *graph.find_descendants(room))}
    uses: dict[str, set[str]] = {room: set() for room in rooms}
    for module, room in of_module.items():
        for imported in graph.find_modules_directly_imported_by(module):
            other = of_module.get(imported)
            if other not in {None, room}:
                uses[room].add(str(other))
    return uses


def _reduced(uses: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """Leave out what a room reaches through another one that it uses."""
    return {
        room: {other for other in others if not any(other in _reach(uses, via) for via in others - {other})}
        for room, others in uses.items()
    }


def _reach(uses: Mapping[str, set[str]], room: str) -> set[str]:
    found: set[str] = set()
    waiting = [room]
    while waiting:
        for other in uses[waiting.pop()] - found:
            found.add(other)
            waiting.append(other)
    return found


def _count(graph: grimp.ImportGraph, room: str) -> int:
    return 1 + len(graph.find_descendants(room))


def _first_line(room: str) -> str:
    path = SOURCES / room.replace(".", "/")
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    tree = parse(file.read_text("utf-8"))
    text = (get_docstring(tree) or "").partition("\n")[0]
    return text.rstrip(".") or ", ".join(_names(tree.body))


def _names(body: Sequence[object]) -> Iterator[str]:
    yield from (node.name for node in body if isinstance(node, ClassDef | FunctionDef))


def _name(room: str) -> str:
    return room.rpartition(".")[2]


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
    for name, drawing in pictures().items():
        (PICTURES / name).write_text(drawing, encoding="utf-8")
    sys.stdout.write(f"{PAGE}\n")

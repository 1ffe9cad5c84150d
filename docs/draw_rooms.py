"""Draw which room uses which: in rows, so that all arrows lead down, as a picture that needs no program to be seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import fsum
from xml.sax.saxutils import escape

_HEIGHT, _GAP, _ROW = 30, 22, 84
_CHARACTER = 7.6
_SWEEPS = 8
_MARGIN = 16
#: Both are readable on white and on black.
_STYLE = (
    "text{font:13px ui-monospace,monospace;fill:#1b3a36}"
    "rect{fill:#d7ece8;stroke:#2a7f73}path{fill:none;stroke:#7a8f8b;stroke-width:1.1}"
    "@media (prefers-color-scheme:dark){text{fill:#e3f4f1}rect{fill:#1d3f3a;stroke:#5fb8aa}path{stroke:#8aa39e}}"
)


def draw(uses: Mapping[str, set[str]]) -> str:
    """Return an SVG of rooms and the arrows between them.

    Args:
        uses: Room -> the rooms that its arrows lead to. There is no circle among them.
    """
    rows = _ordered(_rows(uses), uses)
    widths = {room: len(room) * _CHARACTER + 20 for room in uses}
    lengths = [sum(widths[room] for room in row) + _GAP * (len(row) - 1) for row in rows]
    across = max(lengths, default=0) + 2 * _MARGIN
    corner: dict[str, tuple[float, float]] = {}
    for number, (row, length) in enumerate(zip(rows, lengths, strict=True)):
        left = (across - length) / 2
        for room in row:
            corner[room] = (left, _MARGIN + number * _ROW)
            left += widths[room] + _GAP
    down = 2 * _MARGIN + (len(rows) - 1) * _ROW + _HEIGHT
    arrows = [_arrow(corner, widths, room, other) for room in sorted(uses) for other in sorted(uses[room])]
    boxes = [_box(room, corner[room], widths[room]) for row in rows for room in row]
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {across:.0f} {down:.0f}" width="{across:.0f}">'
    tip = (
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="6" markerHeight="6" orient="auto">'
        '<path d="M0 0 8 4 0 8" style="fill:#7a8f8b;stroke:none"/></marker></defs>'
    )
    return "\n".join([head, f"<style>{_STYLE}</style>", tip, *arrows, *boxes, "</svg>", ""])


def _rows(uses: Mapping[str, set[str]]) -> list[list[str]]:
    """Return the rooms in rows: each stands above all that it uses, as low as it can."""
    depth: dict[str, int] = {}

    def measure(room: str) -> int:
        if room not in depth:
            depth[room] = 1 + max((measure(other) for other in uses[room]), default=-1)
        return depth[room]

    highest = max(map(measure, uses), default=0)
    return [sorted(room for room in uses if depth[room] == level) for level in range(highest, -1, -1)]


def _ordered(rows: Sequence[list[str]], uses: Mapping[str, set[str]]) -> list[list[str]]:
    """Return the rows with rooms below those that use them, as far as that goes."""
    used_by: dict[str, set[str]] = {room: {other for other in uses if room in uses[other]} for room in uses}
    ordered = [list(row) for row in rows]
    for sweep in range(_SWEEPS):
        place = {room: (index + 0.5) / len(row) for row in ordered for index, room in enumerate(row)}
        near = used_by if sweep % 2 == 0 else uses
        for row in ordered if sweep % 2 == 0 else reversed(ordered):
            # Summed exactly: a set has another order in each process.
            wanted = {
                room: fsum(place[other] for other in near[room]) / len(near[room]) if near[room] else place[room]
                for room in row
            }
            row.sort(key=lambda room: (wanted[room], room))
            place |= {room: (index + 0.5) / len(row) for index, room in enumerate(row)}
    return ordered


def _box(room: str, corner: tuple[float, float], width: float) -> str:
    left, top = corner
    return (
        f'<rect x="{left:.1f}" y="{top}" width="{width:.1f}" height="{_HEIGHT}" rx="5"/>'
        f'<text x="{left + width / 2:.1f}" y="{top + 20}" text-anchor="middle">{escape(room)}</text>'
    )


def _arrow(corner: Mapping[str, tuple[float, float]], widths: Mapping[str, float], room: str, other: str) -> str:
    (left, top), (goal, below) = corner[room], corner[other]
    start, end = left + widths[room] / 2, goal + widths[other] / 2
    begin, half = top + _HEIGHT, (below - top - _HEIGHT) / 2
    bend = f"C{start:.1f} {begin + half:.1f} {end:.1f} {below - half:.1f} {end:.1f} {below - 1}"
    return f'<path d="M{start:.1f} {begin} {bend}" marker-end="url(#tip)"/>'

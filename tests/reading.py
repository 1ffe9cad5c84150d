"""Read a page as a browser would, far enough to say what is in it."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from typing import Any

#: Attributes by which a page asks for something else.
ADDRESSES = ("src", "href", "data", "poster", "action", "srcset")


class PageReader(HTMLParser):
    """What a page holds: its ids, the addresses it asks for, its charts by name, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.addresses: list[str] = []
        self.charts: dict[str, Any] = {}
        self.programs = 0
        self._parts: list[str] = []
        self._chart: str | None = None
        self._in: list[str] = []
        self.feed(page)
        self.close()

    @property
    def text(self) -> str:
        """All that a person reads, with single spaces."""
        return " ".join(" ".join(self._parts).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.ids += [str(given["id"])] if "id" in given else []
        self.addresses += [str(given[name]) for name in ADDRESSES if given.get(name)]
        if tag in {"script", "style"}:
            self._in.append(tag)
            self._chart = given.get("data-chart")
            self.programs += tag == "script" and self._chart is None

    def handle_endtag(self, tag: str) -> None:
        if tag in {"script", "style"}:
            self._in.pop()
            self._chart = None

    def handle_data(self, data: str) -> None:
        if self._chart is not None:
            self.charts[self._chart] = json.loads(data)
        elif not self._in:
            self._parts.append(data)

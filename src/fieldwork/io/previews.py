"""What Kedro-Viz shows of entries that are neither rasters nor tables."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NewType

#: Names that Kedro-Viz knows.
JSONPreview = NewType("JSONPreview", str)
HTMLPreview = NewType("HTMLPreview", str)
TablePreview = NewType("TablePreview", dict[str, Any])


def of_json(file: Path, keys: Iterable[str] | None = None) -> JSONPreview:
    """Return a file of JSON, or some of its keys."""
    read: dict[str, Any] = json.loads(file.read_text("utf-8"))
    return JSONPreview(json.dumps(read if keys is None else {key: read[key] for key in keys if key in read}))


def of_markdown(text: str) -> HTMLPreview:
    """Return a document in Markdown as HTML; HTML within it is shown as text."""
    from markdown_it import MarkdownIt

    return HTMLPreview(MarkdownIt("commonmark", {"html": False}).enable("table").render(text))


def of_page(file: Path) -> HTMLPreview:
    """Return where a page lies: it is too large to be shown within another."""
    return HTMLPreview(f"<p>Open <code>{file.as_posix()}</code> in a browser.</p>")

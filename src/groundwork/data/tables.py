"""Tables for people."""

from __future__ import annotations

import pandas as pd


def as_markdown(table: pd.DataFrame) -> str:
    """Return a table as Markdown: at most four digits behind the point, empty cells for what is missing."""
    rows = [[str(name) for name in table.columns], ["---"] * len(table.columns)]
    rows.extend([_cell(value) for value in values] for values in table.itertuples(index=False))
    return "\n".join("| " + " | ".join(row) + " |" for row in rows) + "\n"


def _cell(value: object) -> str:
    if value is None or value != value:  # noqa: PLR0124 - NaN is the value that does not equal itself
        return ""
    return f"{value:.4f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)

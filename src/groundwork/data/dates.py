"""Dates of a source that states none of its own."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date


def dates_of_reference(reference: Sequence[date] | None, steps: int, *, is_missing: bool) -> list[date] | None:
    """Return the dates of the reference as those of a source without dates, or None where they say nothing of it.

    Args:
        reference: The dates of the reference source.
        steps: How many dates the source has.
        is_missing: Whether the scene lacks the source. It then holds data nowhere, and a model that takes dates gets
            the last one of the reference for each step, whatever their number.
    """
    if not reference:
        return None
    if len(reference) == steps:
        return list(reference)
    return [reference[-1]] * steps if is_missing else None

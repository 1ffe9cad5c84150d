"""Dates in names of files."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

from groundwork.errors import PairingError


def read_day(text: str, path: Path) -> date:
    """Read a date in the ways that names of files have it: with or without hyphens, or as day of the year.

    Raises:
        PairingError: Where it is none.
    """
    digits = text.upper().partition("T")[0].replace("-", "")
    form = "%Y%j" if len(digits) == len("2024182") else "%Y%m%d"
    try:
        # Where a time follows without a T, the date is what stands before it.
        return datetime.strptime(digits[: len("20240630")], form).date()
    except ValueError:
        raise PairingError(
            f"{path}: found '{text}' where the pattern has '{{date}}'; expected a date such as 20240630, 2024-06-30 or "
            "2024182 (year and day). Correct the pattern, or rename the file."
        ) from None

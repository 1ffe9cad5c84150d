"""Text files that name the scenes of each split, one per line."""

from __future__ import annotations

from pathlib import Path

from groundwork.errors import DataError
from groundwork.rasters.addresses import is_there
from groundwork.rasters.fetched import fetched


def read_list(split: str, file: Path, pattern: str = "{key}") -> list[str]:
    """Read the keys of the scenes of a split.

    Args:
        split: Its name, for messages.
        file: The list.
        pattern: How a line names a scene, such as ``{key}_s2.tif`` for names of files.

    Raises:
        DataError: Where the file is not there, is no text, or a line is not like the pattern.
        PairingError: Where it lies at an address that does not answer.
    """
    if not is_there(file):
        raise DataError(f"The list of split '{split}' is not there: {file}. Correct its path.")
    try:
        # Windows begins a text with a mark that would become a part of the first name.
        text = fetched(file).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{file} is no text in UTF-8 ({error.reason}). Save it as UTF-8.") from error
    return [_key(line.strip(), file, pattern) for line in text.splitlines() if line.strip()]


def _key(line: str, file: Path, pattern: str) -> str:
    before, _, behind = pattern.partition("{key}")
    if len(line) <= len(before) + len(behind) or not (line.startswith(before) and line.endswith(behind)):
        raise DataError(f"{file}: the line '{line}' is not like '{pattern}'. Correct it, or 'pattern'.")
    return line[len(before) : len(line) - len(behind)]

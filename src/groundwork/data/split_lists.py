"""What names the scenes of each split: a text file, one per line, or a folder that they lie in."""

from __future__ import annotations

from pathlib import Path

from groundwork.errors import DataError, PairingError
from groundwork.rasters.addresses import is_there
from groundwork.rasters.fetched import fetched
from groundwork.rasters.folder import find_rasters
from groundwork.rasters.patterns import key_in_folder


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


def keys_below(root: Path, pattern: str, folder: str | None = None) -> list[str]:
    """Return the keys of the rasters in the folder of a split; what else lies there is no matter of it.

    Args:
        root: Where the pattern starts from.
        pattern: Names of the rasters, with ``{key}``.
        folder: What ``{folder}`` stands for in the pattern, where it is there.

    Raises:
        PairingError: Where only one of pattern and ``folder`` names a folder, and as of
            :func:`groundwork.rasters.folder.find_rasters`.
    """
    if (folder is None) == ("{folder}" in pattern):
        raise PairingError(
            f"{root}: found the pattern '{pattern}' and the folder {folder!r} of a split; expected '{{folder}}' in the "
            "pattern, and under 'folder' what it stands for, or neither of them."
        )
    if folder is None:
        return sorted(find_rasters(root, [pattern], ["{key}"]).files)
    found = find_rasters(root, [pattern.replace("{folder}", folder)], ["{key}", pattern])
    return sorted(key_in_folder(folder, key) for key in found.files)

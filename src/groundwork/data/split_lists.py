"""What names the scenes of a split: a text file, one per line, a JSON of all splits, or a folder that they lie in."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from groundwork.config.split import OF_ALL_SPLITS
from groundwork.errors import DataError, PairingError
from groundwork.rasters.addresses import is_there
from groundwork.rasters.fetched import fetched
from groundwork.rasters.folder import find_rasters
from groundwork.rasters.patterns import key_in_folder

#: Split -> what such a file may call it.
CALLED = {"train": ("train", "training"), "val": ("val", "valid", "validation"), "test": ("test", "testing")}
_EXAMPLE = '{"train": ["north", "south"], "val": ["east"], "test": ["west"]}'


def read_list(split: str, file: Path, pattern: str = "{key}") -> list[str]:
    """Read the keys of the scenes of a split.

    Args:
        split: Its name. A JSON has the lists of all splits by it; of val it may also be ``valid`` or ``validation``.
        file: The list, one scene per line, or a JSON.
        pattern: How an entry names a scene, such as ``{key}_s2.tif`` for names of files.

    Raises:
        DataError: Where the file is not there, is no text, has no list of the split, or an entry is not like the
            pattern.
        PairingError: Where it lies at an address that does not answer.
    """
    if not is_there(file):
        raise DataError(f"The list of split '{split}' is not there: {file}. Correct its path.")
    try:
        # Windows begins a text with a mark that would become a part of the first name.
        text = fetched(file).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{file} is no text in UTF-8 ({error.reason}). Save it as UTF-8.") from error
    if file.suffix.lower() == OF_ALL_SPLITS:
        entries = _of_split(split, file, text)
    else:
        entries = [line.strip() for line in text.splitlines() if line.strip()]
    return [_key(entry, file, pattern) for entry in entries]


def _of_split(split: str, file: Path, text: str) -> Sequence[str]:
    """Return the list of a split of a JSON that has those of all."""
    try:
        content = json.loads(text)
    except ValueError as error:
        raise DataError(f"{file} is no JSON ({error}). Correct it, or give a text file its ending .txt.") from error
    if not isinstance(content, dict):
        raise DataError(f"{file}: found no lists by the name of their split; expected such as {_EXAMPLE}.")
    names = [name for name in CALLED.get(split, (split,)) if name in content]
    if len(names) != 1:
        found = f"{names}, which are one split" if names else f"the keys {sorted(content)}"
        wanted = " or ".join(f"'{name}'" for name in CALLED.get(split, (split,)))
        raise DataError(f"{file}: found {found}; expected one list of split '{split}', as {wanted}.")
    listed = content[names[0]]
    if not isinstance(listed, list) or not all(isinstance(entry, str) for entry in listed):
        raise DataError(f"{file}: '{names[0]}' is no list of names; expected such as {_EXAMPLE}.")
    return listed


def _key(entry: str, file: Path, pattern: str) -> str:
    before, _, behind = pattern.partition("{key}")
    if len(entry) <= len(before) + len(behind) or not (entry.startswith(before) and entry.endswith(behind)):
        raise DataError(f"{file}: '{entry}' is not like '{pattern}'. Correct it, or 'pattern'.")
    return entry[len(before) : len(entry) - len(behind)]


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

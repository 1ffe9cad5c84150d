"""A catalog entry for given lists of a split."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NoReturn

from kedro.io import AbstractDataset, DatasetError

from fieldwork.io.previews import JSONPreview


class SplitListsDataset(AbstractDataset[None, "dict[str, list[str]]"]):
    """Text files that name the scenes of each split, one per line. Without files there are no lists."""

    def __init__(
        self, *, files: dict[str, str | None], pattern: str = "{key}", metadata: dict[str, Any] | None = None
    ) -> None:
        """Take the file of each split, and how a line names a scene, such as ``{key}_s2.tif`` for names of files."""
        self._files = {split: Path(file) for split, file in files.items() if file}
        self._pattern = pattern
        self.metadata = metadata

    def load(self) -> dict[str, list[str]]:
        """Read the lists."""
        lists = {}
        for split, file in self._files.items():
            if not file.is_file():
                raise DatasetError(f"The list of split '{split}' is not there: {file}. Correct it in the catalog.")
            lines = [line.strip() for line in _read(file).splitlines() if line.strip()]
            lists[split] = [self._key(line, file) for line in lines]
        return lists

    def _key(self, line: str, file: Path) -> str:
        before, _, behind = self._pattern.partition("{key}")
        if len(line) <= len(before) + len(behind) or not (line.startswith(before) and line.endswith(behind)):
            raise DatasetError(f"{file}: the line '{line}' is not like '{self._pattern}'. Correct it, or 'pattern'.")
        return line[len(before) : len(line) - len(behind)]

    def save(self, data: None) -> NoReturn:  # noqa: ARG002
        """Refuse: lists are given."""
        raise DatasetError("Lists of a split are given, not made.")

    def preview(self) -> JSONPreview:
        """Show the lists."""
        return JSONPreview(json.dumps(self.load()))

    def _describe(self) -> dict[str, Any]:
        return {"files": {split: file.as_posix() for split, file in self._files.items()}}


def _read(file: Path) -> str:
    try:
        # Windows begins a text with a mark that would become a part of the first name.
        return file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DatasetError(f"{file} is no text in UTF-8 ({error.reason}). Save it as UTF-8.") from error

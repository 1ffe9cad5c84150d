"""A catalog entry for given lists of a split."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NoReturn

from kedro.io import AbstractDataset, DatasetError


class SplitListsDataset(AbstractDataset[None, "dict[str, list[str]]"]):
    """Text files that name the scenes of each split, one per line. Without files there are no lists."""

    def __init__(self, *, files: dict[str, str | None], metadata: dict[str, Any] | None = None) -> None:
        """Take the file of each split; one without a file has no list."""
        self._files = {split: Path(file) for split, file in files.items() if file}
        self.metadata = metadata

    def load(self) -> dict[str, list[str]]:
        """Read the lists."""
        lists = {}
        for split, file in self._files.items():
            if not file.is_file():
                raise DatasetError(f"The list of split '{split}' is not there: {file}. Correct it in the catalog.")
            lines = _read(file).splitlines()
            lists[split] = [line.strip() for line in lines if line.strip()]
        return lists

    def save(self, data: None) -> NoReturn:  # noqa: ARG002
        """Refuse: lists are given."""
        raise DatasetError("Lists of a split are given, not made.")

    def _describe(self) -> dict[str, Any]:
        return {"files": {split: file.as_posix() for split, file in self._files.items()}}


def _read(file: Path) -> str:
    try:
        # Windows begins a text with a mark that would become a part of the first name.
        return file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DatasetError(f"{file} is no text in UTF-8 ({error.reason}). Save it as UTF-8.") from error

"""A catalog entry for given lists of a split."""

from __future__ import annotations

import json
from typing import Any, NoReturn

from kedro.io import AbstractDataset, DatasetError

from fieldwork.io.previews import JSONPreview
from groundwork.rasters.stores import place_with


class SplitListsDataset(AbstractDataset[None, "dict[str, list[str]]"]):
    """Files that name the scenes of each split: text, one per line, or a JSON of all. Without files, no lists."""

    def __init__(
        self,
        *,
        files: dict[str, str | None],
        pattern: str = "{key}",
        credentials: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Take the file or address of each split, and how a line names a scene, such as ``{key}_s2.tif`` for files."""
        self._files = {split: place_with(file, credentials) for split, file in files.items() if file}
        self._pattern = pattern
        self.metadata = metadata

    def load(self) -> dict[str, list[str]]:
        """Read the lists."""
        from groundwork.data.split_lists import read_list

        return {split: read_list(split, file, self._pattern) for split, file in self._files.items()}

    def save(self, data: None) -> NoReturn:  # noqa: ARG002
        """Refuse: lists are given."""
        raise DatasetError("Lists of a split are given, not made.")

    def preview(self) -> JSONPreview:
        """Show the lists."""
        return JSONPreview(json.dumps(self.load()))

    def _describe(self) -> dict[str, Any]:
        return {"files": {split: str(file) for split, file in self._files.items()}}

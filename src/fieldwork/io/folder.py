"""A catalog entry for a folder that a node works in."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NoReturn

from kedro.io import AbstractDataset, DatasetError

from groundwork.rasters.addresses import local_path


class FolderDataset(AbstractDataset[None, Path]):
    """Loads as the folder's path; the folder is made where there is none."""

    def __init__(self, *, path: str, metadata: dict[str, Any] | None = None) -> None:
        """Take the folder."""
        self._path = local_path(path)
        self.metadata = metadata

    def load(self) -> Path:
        """Return the path."""
        self._path.mkdir(parents=True, exist_ok=True)
        return self._path

    def save(self, data: None) -> NoReturn:  # noqa: ARG002
        """Refuse: the node writes into the folder."""
        raise DatasetError(f"{self._path} is worked in, not saved to.")

    def _describe(self) -> dict[str, Any]:
        return {"path": self._path.as_posix()}

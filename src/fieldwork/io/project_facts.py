"""A catalog entry for what the project itself is: its code, its lock file, the versions that are installed."""

from __future__ import annotations

from typing import Any, NoReturn

from kedro.io import AbstractDataset, DatasetError

from fieldwork.code_state import lock_of, state_of, versions_of
from groundwork.rasters.addresses import local_path


class ProjectFactsDataset(AbstractDataset[None, dict[str, Any]]):
    """Reads the working tree: nothing is written."""

    def __init__(self, *, path: str, recipe: str, metadata: dict[str, Any] | None = None) -> None:
        """Take the folder of the code.

        Args:
            path: The folder.
            recipe: Name of what runs.
            metadata: For Kedro-Viz and DVC.
        """
        self._path, self._recipe, self.metadata = local_path(path), recipe, metadata

    def load(self) -> dict[str, Any]:
        """Return name -> facts, of ``run``, ``code`` and ``environment``."""
        project = self._path.resolve().parent
        return {
            "run": {"recipe": self._recipe},
            "code": state_of(project, [self._path.name]),
            "environment": {"lock_file_sha256": lock_of(project), **versions_of(project)},
        }

    def save(self, data: None) -> NoReturn:  # noqa: ARG002
        """Refuse: it is what it is."""
        raise DatasetError("Facts of the project are read, not saved.")

    def _exists(self) -> bool:
        return self._path.is_dir()

    def _describe(self) -> dict[str, Any]:
        return {"path": self._path.as_posix(), "recipe": self._recipe}

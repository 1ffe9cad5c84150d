"""A catalog entry for scenes that lie in a folder for each class."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from kedro.io import AbstractDataset, DatasetError

from groundwork.rasters.stores import place_with

if TYPE_CHECKING:
    from groundwork.data.label_table import LabelTable


class ClassFoldersDataset(AbstractDataset[None, "LabelTable"]):
    """A folder for each class, in which the scenes of that class lie."""

    def __init__(
        self,
        *,
        path: str,
        pattern: str = "{class}/{key}.tif",
        credentials: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Take the folder or address, and paths with ``{class}`` and ``{key}`` relative to it."""
        self._path, self._pattern = place_with(path, credentials), pattern
        self.metadata = metadata

    def load(self) -> LabelTable:
        """Find which class each scene has."""
        from groundwork.data.label_table import find_class_folders

        return find_class_folders(self._path, self._pattern)

    def save(self, data: None) -> NoReturn:  # noqa: ARG002
        """Refuse: labels are given."""
        raise DatasetError(f"{self._path} holds labels, which are read and not written.")

    def _exists(self) -> bool:
        from groundwork.rasters.folder import has_files

        return has_files(self._path)

    def _describe(self) -> dict[str, Any]:
        return {"path": str(self._path), "pattern": self._pattern}

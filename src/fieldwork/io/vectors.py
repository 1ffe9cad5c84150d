"""A catalog entry for labels in vector files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from kedro.io import AbstractDataset, DatasetError

from groundwork.rasters.stores import place_with

if TYPE_CHECKING:
    from groundwork.rasters.folder import RasterFolder
    from groundwork.rasters.shared import SharedFiles


class VectorLabelsDataset(AbstractDataset[None, "RasterFolder | SharedFiles"]):
    """One vector file for all scenes, or a folder with one for each. Loads as a handle, nothing is opened."""

    def __init__(
        self,
        *,
        path: str,
        pattern: str | list[str] = "{key}.gpkg",
        complete: str | None = None,
        credentials: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Take a file, or a folder and names with ``{key}`` relative to it; addresses of files end as files do.

        ``complete`` names a file beside ``path`` whose polygons say where labelling is complete; of a folder's files
        the second of two patterns does.
        """
        self._path = place_with(path, credentials)
        self._patterns = [pattern] if isinstance(pattern, str) else list(pattern)
        self._complete = complete
        self.metadata = metadata

    def load(self) -> RasterFolder | SharedFiles:
        """Find the files."""
        from groundwork.data.label_files import find_vectors

        return find_vectors(self._path, self._patterns, self._complete)

    def save(self, data: None) -> NoReturn:  # noqa: ARG002
        """Refuse: labels are given."""
        raise DatasetError(f"{self._path} holds labels, which are read and not written.")

    def _exists(self) -> bool:
        from groundwork.rasters.fetched import can_be_fetched

        return can_be_fetched(self._path)

    def _describe(self) -> dict[str, Any]:
        return {"path": str(self._path), "pattern": self._patterns, "complete": self._complete}

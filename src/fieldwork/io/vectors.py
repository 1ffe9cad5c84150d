"""A catalog entry for labels in vector files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from kedro.io import AbstractDataset, DatasetError

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
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Take a file, or a folder and names with ``{key}`` relative to it.

        ``complete`` names a file beside ``path`` whose polygons say where labelling is complete; of a folder's files
        the second of two patterns does.
        """
        self._path = Path(path)
        self._patterns = [pattern] if isinstance(pattern, str) else list(pattern)
        self._complete = complete
        self.metadata = metadata

    def load(self) -> RasterFolder | SharedFiles:
        """Find the files."""
        from groundwork.rasters.folder import find_rasters
        from groundwork.rasters.shared import SharedFiles

        if not self._path.is_dir():
            names = (self._path.name,) if self._complete is None else (self._path.name, self._complete)
            return SharedFiles(self._path.parent, names)
        if self._complete is not None:
            raise DatasetError(
                f"{self._path} is a folder, and 'complete' names a file beside a file: give two patterns instead, the "
                "second for the polygons that say where labelling is complete."
            )
        return find_rasters(self._path, self._patterns)

    def save(self, data: None) -> NoReturn:  # noqa: ARG002
        """Refuse: labels are given."""
        raise DatasetError(f"{self._path} holds labels, which are read and not written.")

    def _exists(self) -> bool:
        return self._path.is_file() or (self._path.is_dir() and any(self._path.iterdir()))

    def _describe(self) -> dict[str, Any]:
        return {"path": self._path.as_posix(), "pattern": self._patterns, "complete": self._complete}

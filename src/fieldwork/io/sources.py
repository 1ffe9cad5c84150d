"""A catalog entry for the rasters of several sources."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from kedro.io import AbstractDataset, DatasetError

from fieldwork.io.rasters import ImagePreview, RasterFolderDataset

if TYPE_CHECKING:
    from groundwork.rasters.folder import RasterFolder


class RasterSourcesDataset(AbstractDataset[None, "dict[str, RasterFolder]"]):
    """Rasters by source and key: each source has a folder and patterns of its own. Loads as handles."""

    def __init__(
        self, *, path: str, sources: dict[str, dict[str, Any]], metadata: dict[str, Any] | None = None
    ) -> None:
        """Take the folder that all lie in, and for each source ``folder`` (its name, if not stated) and ``pattern``.

        Raises:
            DatasetError: For another key.
        """
        self._path = Path(path)
        self.metadata = metadata
        self._folders = {}
        for name, stated in sources.items():
            unknown = sorted(set(stated) - {"folder", "pattern"})
            if unknown:
                raise DatasetError(f"Source '{name}' has 'folder' and 'pattern'; found {unknown}.")
            place = self._path / str(stated.get("folder", name))
            self._folders[name] = RasterFolderDataset(path=place.as_posix(), pattern=stated.get("pattern", "{key}.tif"))

    def load(self) -> dict[str, RasterFolder]:
        """Find the rasters."""
        return {name: folder.load() for name, folder in sorted(self._folders.items())}

    def save(self, data: None) -> NoReturn:  # noqa: ARG002
        """Refuse: sources are read."""
        raise DatasetError(f"{self._path} holds sources, which are read and not written.")

    def preview(self, bands: list[int] | None = None) -> ImagePreview:
        """Show the first raster of the first source."""
        return next(iter(self._folders.values())).preview(bands)

    def _exists(self) -> bool:
        return all(folder.exists() for folder in self._folders.values())

    def _describe(self) -> dict[str, Any]:
        return {"path": self._path.as_posix(), "sources": sorted(self._folders)}

"""A catalog entry for rasters in a folder, or for a single one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from kedro.io import AbstractDataset

from fieldwork.io.pictures import ImagePreview, first_picture
from groundwork.rasters.stores import place_with

if TYPE_CHECKING:
    from groundwork.rasters.folder import RasterFolder
    from groundwork.rasters.stream import RasterStream


class RasterFolderDataset(AbstractDataset["Mapping[str, RasterStream]", "RasterFolder"]):
    """Rasters by key. Loads as a handle, nothing is opened; saves streams as Cloud-Optimized GeoTIFF."""

    #: Names of other files that belong into the folder.
    beside: tuple[str, ...] = ()

    def __init__(
        self,
        *,
        path: str,
        pattern: str | list[str] = "{key}.tif",
        variable: str | list[str] | None = None,
        credentials: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Take a folder, an address or a raster, names with ``{key}`` in it, and variables; a list: one per band."""
        self._path = place_with(path, credentials)
        self._patterns = [pattern] if isinstance(pattern, str) else list(pattern)
        self._variables, self.metadata = [variable] if isinstance(variable, str) else list(variable or ()), metadata

    def load(self) -> RasterFolder:
        """Find the rasters."""
        from groundwork.rasters.folder import find_rasters

        return find_rasters(self._path, self._patterns, self.beside, self._variables)

    def save(self, data: Mapping[str, RasterStream]) -> None:
        """Write each stream's one product."""
        from groundwork.rasters.writing import write_folder

        write_folder(data, self._path, self._patterns[0])

    def preview(self, bands: list[int] | None = None) -> ImagePreview:
        """Show the first raster as a small picture, read from its overviews."""
        return first_picture(self.load(), bands)

    def _exists(self) -> bool:
        from groundwork.rasters.folder import has_files

        return has_files(self._path)

    def _describe(self) -> dict[str, Any]:
        return {"path": str(self._path), "pattern": self._patterns}

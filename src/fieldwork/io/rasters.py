"""A catalog entry for rasters in a folder, or for a single one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NewType

from kedro.io import AbstractDataset, DatasetError

if TYPE_CHECKING:
    from groundwork.rasters.folder import RasterFolder
    from groundwork.rasters.stream import RasterStream

ImagePreview = NewType("ImagePreview", str)


class RasterFolderDataset(AbstractDataset["Mapping[str, RasterStream]", "RasterFolder"]):
    """Rasters by key. Loads as a handle, nothing is opened; saves streams as Cloud-Optimized GeoTIFF."""

    #: Names of other files that belong into the folder.
    beside: tuple[str, ...] = ()

    def __init__(
        self, *, path: str, pattern: str | list[str] = "{key}.tif", metadata: dict[str, Any] | None = None
    ) -> None:
        """Take a folder or a single raster, and names with ``{key}`` relative to it; a list means one file per band."""
        self._path = Path(path)
        self._patterns = [pattern] if isinstance(pattern, str) else list(pattern)
        self.metadata = metadata

    def load(self) -> RasterFolder:
        """Find the rasters."""
        from groundwork.rasters.folder import find_rasters

        return find_rasters(self._path, self._patterns, self.beside)

    def save(self, data: Mapping[str, RasterStream]) -> None:
        """Write each stream's one product."""
        from groundwork.rasters.writing import write_rasters

        if "*" in self._patterns[0] or "{date}" in self._patterns[0]:
            raise DatasetError(f"'{self._patterns[0]}' names no file to write: '*' and '{{date}}' are for reading.")
        for key, stream in data.items():
            product = next(iter(stream.profiles))
            write_rasters(stream, {product: self._path / self._patterns[0].replace("{key}", key)})

    def preview(self, bands: list[int] | None = None) -> ImagePreview:
        """Show the first raster as a small picture, read from its overviews."""
        from groundwork.rasters.quicklook import encoded_picture

        folder = self.load()
        first = folder.paths(next(iter(folder.files)))[0]
        return ImagePreview(encoded_picture(first, tuple(bands or (1,)), 400))

    def _exists(self) -> bool:
        return self._path.is_file() or (self._path.is_dir() and any(self._path.iterdir()))

    def _describe(self) -> dict[str, Any]:
        return {"path": self._path.as_posix(), "pattern": self._patterns}

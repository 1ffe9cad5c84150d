"""A catalog entry for rasters that a table names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from kedro.io import AbstractDataset, DatasetError

from fieldwork.io.pictures import ImagePreview, first_picture
from groundwork.rasters.addresses import is_there, place_of
from groundwork.rasters.stores import place_with

if TYPE_CHECKING:
    from groundwork.rasters.folder import RasterFolder


class RasterTableDataset(AbstractDataset[None, "RasterFolder"]):
    """Rasters named by a CSV or Parquet table: one row per scene, or per scene and date. Loads as a handle."""

    def __init__(
        self,
        *,
        filepath: str,
        key: str,
        paths: str | list[str],
        folder: str | None = None,
        date: str | None = None,
        columns: list[str] | None = None,
        credentials: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Take the table, the folder of its paths, and its columns with key, path (one per band), date and others."""
        self._filepath = place_with(filepath, credentials)
        self._root = self._filepath.parent if folder is None else place_of(folder)
        self._named = (key, (paths,) if isinstance(paths, str) else tuple(paths), date)
        self._others = None if columns is None else tuple(columns)
        self.metadata = metadata

    def load(self) -> RasterFolder:
        """Read the table."""
        from groundwork.rasters.fetched import fetched
        from groundwork.rasters.raster_table import TableColumns, read_raster_table

        return read_raster_table(fetched(self._filepath), self._root, TableColumns(*self._named, self._others))

    def save(self, data: None) -> NoReturn:  # noqa: ARG002
        """Refuse: the table is given."""
        raise DatasetError(f"{self._filepath} names rasters, which are read and not written.")

    def preview(self, bands: list[int] | None = None) -> ImagePreview:
        """Show the first raster."""
        return first_picture(self.load(), bands)

    def _exists(self) -> bool:
        return is_there(self._filepath)

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath), "folder": str(self._root)}

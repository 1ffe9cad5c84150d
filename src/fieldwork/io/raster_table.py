"""A catalog entry for rasters that a table names."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from kedro.io import AbstractDataset, DatasetError

from fieldwork.io.pictures import ImagePreview, first_picture
from groundwork.rasters.addresses import place_of

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
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Take the table, and which of its columns hold key, path (a list: one per band), date, and what else is kept.

        Paths start from ``folder``, or else from the table's.
        """
        self._filepath = Path(filepath)
        self._root = self._filepath.parent if folder is None else place_of(folder)
        self._named = (key, (paths,) if isinstance(paths, str) else tuple(paths), date)
        self._others = None if columns is None else tuple(columns)
        self.metadata = metadata

    def load(self) -> RasterFolder:
        """Read the table."""
        from groundwork.rasters.raster_table import TableColumns, read_raster_table

        return read_raster_table(self._filepath, self._root, TableColumns(*self._named, self._others))

    def save(self, data: None) -> NoReturn:  # noqa: ARG002
        """Refuse: the table is given."""
        raise DatasetError(f"{self._filepath} names rasters, which are read and not written.")

    def preview(self, bands: list[int] | None = None) -> ImagePreview:
        """Show the first raster."""
        return first_picture(self.load(), bands)

    def _exists(self) -> bool:
        return self._filepath.is_file()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self._filepath.as_posix(), "folder": str(self._root)}

"""A catalog entry for a table of labels of whole scenes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from kedro.io import AbstractDataset, DatasetError

from fieldwork.io.previews import TablePreview
from groundwork.rasters.addresses import is_there
from groundwork.rasters.stores import place_with

if TYPE_CHECKING:
    from groundwork.data.label_table import LabelTable


class LabelTableDataset(AbstractDataset[None, "LabelTable"]):
    """A table (CSV, Parquet) with a row for each scene or each of its windows: its class or its numbers."""

    def __init__(
        self,
        *,
        filepath: str,
        key: str = "key",
        windows: dict[str, Any] | None = None,
        credentials: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Take the file or address, the column with the keys of the scenes, and those that say where windows lie."""
        self._path, self._key, self._windows = place_with(filepath, credentials), key, windows
        self.metadata = metadata

    def load(self) -> LabelTable:
        """Read the table."""
        from groundwork.config.label_windows import LabelWindows
        from groundwork.data.label_table import read_label_table
        from groundwork.rasters.fetched import fetched

        windows = None if self._windows is None else LabelWindows.model_validate(self._windows)
        return read_label_table(fetched(self._path), self._key, windows)

    def save(self, data: None) -> NoReturn:  # noqa: ARG002
        """Refuse: labels are given."""
        raise DatasetError(f"{self._path} holds labels, which are read and not written.")

    def preview(self, nrows: int = 20) -> TablePreview:
        """Show the first rows."""
        from groundwork.rasters.fetched import fetched
        from groundwork.rasters.raster_table import read_rows

        header, *rows = read_rows(fetched(self._path), "labels")
        return TablePreview({"index": list(range(len(rows[:nrows]))), "columns": header, "data": rows[:nrows]})

    def _exists(self) -> bool:
        return is_there(self._path)

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._path), "key": self._key, "windows": self._windows}

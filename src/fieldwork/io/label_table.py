"""A catalog entry for a table of labels of whole scenes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from kedro.io import AbstractDataset, DatasetError

from fieldwork.io.previews import TablePreview

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
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Take the file, the column with the keys of the scenes, and those that say where windows lie."""
        self._path, self._key, self._windows = Path(filepath), key, windows
        self.metadata = metadata

    def load(self) -> LabelTable:
        """Read the table."""
        from groundwork.config.label_windows import LabelWindows
        from groundwork.data.label_table import read_label_table

        windows = None if self._windows is None else LabelWindows.model_validate(self._windows)
        return read_label_table(self._path, self._key, windows)

    def save(self, data: None) -> NoReturn:  # noqa: ARG002
        """Refuse: labels are given."""
        raise DatasetError(f"{self._path} holds labels, which are read and not written.")

    def preview(self, nrows: int = 20) -> TablePreview:
        """Show the first rows."""
        import pandas as pd

        is_text = self._path.suffix == ".csv"
        read = pd.read_csv(self._path, dtype=str, nrows=nrows) if is_text else pd.read_parquet(self._path)
        return TablePreview(json.loads(read.head(nrows).to_json(orient="split", date_format="iso")))

    def _exists(self) -> bool:
        return self._path.is_file()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self._path.as_posix(), "key": self._key, "windows": self._windows}

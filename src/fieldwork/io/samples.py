"""A catalog entry for the sample table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NewType

from kedro.io import AbstractDataset

from groundwork.rasters.addresses import local_path

if TYPE_CHECKING:
    import pandas as pd

TablePreview = NewType("TablePreview", dict[str, Any])


class SampleTableDataset(AbstractDataset["pd.DataFrame", "pd.DataFrame"]):
    """The sample table as CSV, in which keys such as ``007`` stay text."""

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        """Take the file."""
        self._filepath = local_path(filepath)
        self.metadata = metadata

    def load(self) -> pd.DataFrame:
        """Read the table."""
        from groundwork.data.sample_table import read_samples

        return read_samples(self._filepath)

    def save(self, data: pd.DataFrame) -> None:
        """Write the table, whole or not at all."""
        from groundwork.data.sample_table import write_samples

        write_samples(data, self._filepath)

    def preview(self, nrows: int = 5) -> TablePreview:
        """Show the first rows."""
        return TablePreview(self.load().head(nrows).astype(str).to_dict(orient="split"))

    def _exists(self) -> bool:
        return self._filepath.is_file()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self._filepath.as_posix()}

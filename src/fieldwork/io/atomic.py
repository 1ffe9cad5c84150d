"""Kedro's entries for small files, saved whole or not at all: a killed run leaves no half file under a final name.

Kedro's own open the final file and write into it. These write beside it and rename; all else is Kedro's.
"""

from __future__ import annotations

from pathlib import Path

from kedro_datasets.json import JSONDataset
from kedro_datasets.matplotlib import MatplotlibDataset
from kedro_datasets.pandas import CSVDataset
from kedro_datasets.plotly import JSONDataset as PlotlyDataset
from kedro_datasets.text import TextDataset

from fieldwork.io.previews import HTMLPreview, of_markdown, of_page
from fieldwork.io.saved_whole import SavedWhole


class AtomicCSV(SavedWhole, CSVDataset):  # type: ignore[misc]
    """A table as CSV."""


class AtomicJSON(SavedWhole, JSONDataset):  # type: ignore[misc]
    """A mapping as JSON."""


class AtomicText(SavedWhole, TextDataset):  # type: ignore[misc]
    """A text; Kedro-Viz shows Markdown as it is meant, and says where a page lies."""

    def preview(self) -> HTMLPreview:
        """Show the text."""
        if self._filepath.suffix == ".html":
            return of_page(Path(self._filepath))
        return of_markdown(self.load())


class AtomicFigure(SavedWhole, MatplotlibDataset):  # type: ignore[misc]
    """A figure of matplotlib as a picture; read as the picture's bytes."""

    def load(self) -> bytes:
        """Return the file as it is."""
        with self._fs.open(str(self._filepath), mode="rb") as file:
            read: bytes = file.read()
        return read


class AtomicChart(SavedWhole, PlotlyDataset):  # type: ignore[misc]
    """A figure of Plotly as JSON."""

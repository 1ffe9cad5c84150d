"""Kedro's entries for small files, saved whole or not at all: a killed run leaves no half file under a final name.

Kedro's own open the final file and write into it. These write beside it and rename; all else is Kedro's.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

from kedro_datasets.json import JSONDataset
from kedro_datasets.matplotlib import MatplotlibDataset
from kedro_datasets.pandas import CSVDataset
from kedro_datasets.text import TextDataset

from groundwork.atomic import PARTIAL


class _SavedWhole:
    """Goes before a file entry of Kedro's in the list of bases."""

    _filepath: PurePosixPath
    _fs: Any

    def save(self, data: Any) -> None:  # noqa: ANN401 - whatever the entry behind this one takes
        """Save beside the final name, then rename."""
        final = self._filepath
        self._filepath = final.with_name(f"{PARTIAL}{final.name}")
        try:
            super().save(data)  # type: ignore[misc]
            self._fs.mv(str(self._filepath), str(final))
        finally:
            if self._fs.exists(str(self._filepath)):
                self._fs.rm(str(self._filepath))
            self._filepath = final

    def _init_config(self) -> dict[str, Any]:
        # Kedro records the arguments of a class without a constructor of its own as ``args`` and ``kwargs``.
        config: dict[str, Any] = super()._init_config()  # type: ignore[misc]
        named: dict[str, Any] = config.pop("kwargs", {})
        config.pop("args", None)
        return {**config, **named}


class AtomicCSV(_SavedWhole, CSVDataset):  # type: ignore[misc]
    """A table as CSV."""


class AtomicJSON(_SavedWhole, JSONDataset):  # type: ignore[misc]
    """A mapping as JSON."""


class AtomicText(_SavedWhole, TextDataset):  # type: ignore[misc]
    """A text."""


class AtomicFigure(_SavedWhole, MatplotlibDataset):  # type: ignore[misc]
    """A figure as a picture."""

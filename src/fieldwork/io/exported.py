"""A catalog entry for exported models."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from kedro.io import AbstractDataset, DatasetError

from fieldwork.io.previews import JSONPreview
from groundwork.rasters.addresses import local_path

if TYPE_CHECKING:
    from groundwork.bundle import Bundle
    from groundwork.export.exporting import Export


class ExportedModelDataset(AbstractDataset["Export", "Bundle"]):
    """A folder with an exported model; loads as a bundle that answers by it, in the place of ``trained_bundle``."""

    def __init__(self, *, path: str, report: str | None = None, metadata: dict[str, Any] | None = None) -> None:
        """Take the folder.

        Args:
            path: The folder, or one file.
            report: The report of its export, ``export_report``, which names the file that may be read. Reading another
                could run code of a stranger.
            metadata: For Kedro-Viz and DVC.
        """
        self._path, self._report, self.metadata = local_path(path), report and local_path(report), metadata

    def load(self) -> Bundle:
        """Read the file, where it is the one of the report."""
        if not self._report:
            raise DatasetError(
                f"{self._path}: an exported file can run code when it is read. Name the report of its export as "
                "'report', such as data/08_reporting/base/export.json."
            )
        from groundwork.export.loading import load_exported, trusted_in

        return load_exported(self._path, trusted_in(self._report))

    def save(self, data: Export) -> None:
        """Write the folder, whole or not at all."""
        from groundwork.export.exporting import write_folder

        write_folder(data, self._path)

    def preview(self) -> JSONPreview:
        """Show its files, and how large they are; nothing of them is read."""
        files = sorted(self._path.iterdir()) if self._path.is_dir() else [self._path]
        return JSONPreview(json.dumps({file.name: file.stat().st_size for file in files}))

    def _exists(self) -> bool:
        return self._path.is_file() or any(self._path.glob("*.pt2")) or any(self._path.glob("*.onnx"))

    def _describe(self) -> dict[str, Any]:
        return {"path": self._path.as_posix()}

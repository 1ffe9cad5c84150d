"""A catalog entry for bundles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kedro.io import AbstractDataset

from fieldwork.io.previews import JSONPreview, of_json
from groundwork.rasters.addresses import local_path

if TYPE_CHECKING:
    from groundwork.bundle import Bundle


class BundleDataset(AbstractDataset["Bundle", "Bundle"]):
    """Trained weights with all they expect, as a folder."""

    def __init__(
        self, *, path: str, allow_modules: list[str] | None = None, metadata: dict[str, Any] | None = None
    ) -> None:
        """Take the folder.

        Args:
            path: The folder.
            allow_modules: Modules of your own whose components the bundle may name: their code is run.
            metadata: For Kedro-Viz and DVC.
        """
        self._path = local_path(path)
        self._allow_modules = tuple(allow_modules or ())
        self.metadata = metadata

    def load(self) -> Bundle:
        """Read the bundle."""
        from groundwork.bundle import load_bundle

        return load_bundle(self._path, self._allow_modules)

    def save(self, data: Bundle) -> None:
        """Write the bundle, whole or not at all."""
        from groundwork.bundle import save_bundle

        save_bundle(data, self._path)

    def preview(self) -> JSONPreview:
        """Show what it is made of and where it comes from; bands and classes stand in the model card."""
        return of_json(self._path / "bundle.json", ("format_version", "model", "provenance", "trained", "pretrained"))

    def _exists(self) -> bool:
        return (self._path / "bundle.json").is_file()

    def _describe(self) -> dict[str, Any]:
        return {"path": self._path.as_posix()}

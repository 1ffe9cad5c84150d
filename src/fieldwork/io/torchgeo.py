"""Catalog entries for data of TorchGeo: what it reads, and its samples as files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from kedro.io import AbstractDataset, DatasetError

from groundwork.rasters.addresses import local_path

if TYPE_CHECKING:
    from groundwork.config.torchgeo import TorchGeoConfig
    from groundwork.data.torchgeo.importing import SamplesToImport


class TorchGeoDataset(AbstractDataset[None, "TorchGeoConfig"]):
    """A datamodule of TorchGeo, or datasets for each split, by import path with options of their own."""

    def __init__(self, *, reads: dict[str, Any], metadata: dict[str, Any] | None = None) -> None:
        """Take ``datamodule``, or ``datasets`` with ``chip_size`` and ``length``; ``keys`` and ``target_key``."""
        self._reads, self.metadata = reads, metadata

    def load(self) -> TorchGeoConfig:
        """Check what is stated; nothing is read yet."""
        from groundwork.config.torchgeo import TorchGeoConfig

        return TorchGeoConfig.model_validate(self._reads)

    def save(self, data: None) -> NoReturn:  # noqa: ARG002
        """Refuse: TorchGeo's data is read."""
        raise DatasetError("Data of TorchGeo is read and not written.")

    def _describe(self) -> dict[str, Any]:
        return {"reads": self._reads}


class TorchGeoSamplesDataset(AbstractDataset["SamplesToImport", Path]):
    """Samples as a folder of rasters, labels and lists of splits, which other entries read."""

    def __init__(self, *, path: str, metadata: dict[str, Any] | None = None) -> None:
        """Take the folder."""
        self._path, self.metadata = local_path(path), metadata

    def load(self) -> Path:
        """Return the folder."""
        return self._path

    def save(self, data: SamplesToImport) -> None:
        """Write the samples, whole or not at all."""
        from groundwork.data.torchgeo.importing import import_samples

        import_samples(data, self._path)

    def _exists(self) -> bool:
        return (self._path / "lists").is_dir()

    def _describe(self) -> dict[str, Any]:
        return {"path": self._path.as_posix()}

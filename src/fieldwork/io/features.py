"""A catalog entry for layers of features in a folder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from kedro.io import AbstractDataset

from groundwork.rasters.addresses import local_path

if TYPE_CHECKING:
    from groundwork.rasters.features import FeatureLayer
    from groundwork.rasters.folder import RasterFolder


class FeatureFolderDataset(AbstractDataset["Mapping[str, Mapping[str, FeatureLayer]]", "RasterFolder"]):
    """Layers by key and by what they show, each as ``<key>_<layer>.gpkg``; loads as a handle, nothing is opened."""

    def __init__(self, *, path: str, layers: list[str], metadata: dict[str, Any] | None = None) -> None:
        """Take the folder, and what the layers of each key show."""
        self._path, self._layers, self.metadata = local_path(path), layers, metadata

    def load(self) -> RasterFolder:
        """Find the files."""
        from groundwork.rasters.folder import find_rasters

        return find_rasters(self._path, [f"{{key}}_{layer}.gpkg" for layer in self._layers])

    def save(self, data: Mapping[str, Mapping[str, FeatureLayer]]) -> None:
        """Write each layer as a GeoPackage."""
        from groundwork.rasters.feature_writing import write_features

        for key, layers in data.items():
            for name in self._layers:
                write_features(layers[name], self._path / f"{key}_{name}.gpkg")

    def _exists(self) -> bool:
        return self._path.is_dir() and any(self._path.glob("*.gpkg"))

    def _describe(self) -> dict[str, Any]:
        return {"path": self._path.as_posix(), "layers": self._layers}

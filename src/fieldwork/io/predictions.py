"""A catalog entry for predicted scenes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from kedro.io import AbstractDataset

from fieldwork.io.rasters import ImagePreview, RasterFolderDataset

if TYPE_CHECKING:
    from groundwork.prediction.scene import Predictions
    from groundwork.rasters.folder import RasterFolder


class PredictionsDataset(AbstractDataset["Predictions", "RasterFolder"]):
    """Drains predictions into ``<scene>_<product>.tif``, scene by scene; loads the class rasters."""

    def __init__(self, *, path: str, metadata: dict[str, Any] | None = None) -> None:
        """Take the folder."""
        self._path = Path(path)
        self._classes = RasterFolderDataset(path=path, pattern="{key}_classes.tif")
        self.metadata = metadata

    def load(self) -> RasterFolder:
        """Find the class rasters."""
        return self._classes.load()

    def save(self, data: Predictions) -> None:
        """Write each scene when all of it is there; at the end, remove what earlier runs left of other scenes."""
        from groundwork.rasters.writing import write_rasters

        written: set[Path] = set()
        for key, stream in data.streams:
            paths = {product: self._path / f"{key}_{product}.tif" for product in stream.profiles}
            write_rasters(stream, paths)
            written.update(paths.values())
        for product in ("classes", "probabilities"):
            for stale in set(self._path.glob(f"*_{product}.tif")) - written:
                stale.unlink()

    def preview(self) -> ImagePreview:
        """Show the first class raster."""
        return self._classes.preview()

    def _exists(self) -> bool:
        return self._path.is_dir() and any(self._path.glob("*_classes.tif"))

    def _describe(self) -> dict[str, Any]:
        return {"path": self._path.as_posix()}

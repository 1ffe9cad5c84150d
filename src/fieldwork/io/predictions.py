"""A catalog entry for predicted scenes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from kedro.io import AbstractDataset

from fieldwork.io.pictures import ImagePreview
from fieldwork.io.rasters import RasterFolderDataset

if TYPE_CHECKING:
    from groundwork.prediction.scene import Predictions
    from groundwork.rasters.folder import RasterFolder


#: What may be made of a scene.
PRODUCTS = ("classes", "probabilities")


class PredictionsDataset(AbstractDataset["Predictions", "RasterFolder"]):
    """Drains predictions into ``<scene>_<product>.tif``, scene by scene; loads the class rasters."""

    def __init__(self, *, path: str, metadata: dict[str, Any] | None = None) -> None:
        """Take the folder."""
        self._path = Path(path)
        self._classes = RasterFolderDataset(path=path, pattern="{key}_classes.tif")
        self._classes.beside = tuple(f"{{key}}_{product}.tif" for product in PRODUCTS[1:])
        self.metadata = metadata

    def load(self) -> RasterFolder:
        """Find the class rasters."""
        return self._classes.load()

    def save(self, data: Predictions) -> None:
        """Write each scene when all of it is there. What an earlier run made of other scenes stays.

        Of a scene that is written, predictions that this run does not make are removed: they are another run's.
        """
        from groundwork.prediction.scene import was_predicted
        from groundwork.rasters.writing import write_rasters

        for key, stream in data.streams:
            paths = {product: self._path / f"{key}_{product}.tif" for product in PRODUCTS}
            write_rasters(stream, {product: paths[product] for product in stream.profiles})
            for product, path in paths.items():
                if product not in stream.profiles and was_predicted(path):
                    path.unlink()

    def preview(self) -> ImagePreview:
        """Show the first class raster."""
        return self._classes.preview()

    def _exists(self) -> bool:
        return self._path.is_dir() and any(self._path.glob("*_classes.tif"))

    def _describe(self) -> dict[str, Any]:
        return {"path": self._path.as_posix()}

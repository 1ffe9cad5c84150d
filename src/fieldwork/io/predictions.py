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

#: What is written, by kind of answer or by what else a model gives, and all that may be made of a scene.
ANSWERS = ("classes", "numbers", "reconstruction", "embeddings")
PRODUCTS = (*ANSWERS, "probabilities")


class PredictionsDataset(AbstractDataset["Predictions", "RasterFolder"]):
    """Drains predictions into ``<scene>_<product>.tif``, scene by scene; loads the rasters of the answers."""

    def __init__(self, *, path: str, metadata: dict[str, Any] | None = None) -> None:
        """Take the folder."""
        self._path, self.metadata = Path(path), metadata

    def _answers(self) -> RasterFolderDataset:
        """Return the rasters of the answers, which are of one kind."""
        answer = next((name for name in ANSWERS if any(self._path.glob(f"*_{name}.tif"))), ANSWERS[0])
        rasters = RasterFolderDataset(path=self._path.as_posix(), pattern=f"{{key}}_{answer}.tif")
        rasters.beside = tuple(f"{{key}}_{product}.tif" for product in PRODUCTS if product != answer)
        return rasters

    def load(self) -> RasterFolder:
        """Find the rasters of the answers."""
        return self._answers().load()

    def save(self, data: Predictions) -> None:
        """Write each scene when all of it is there, and remove what another run predicted of it."""
        from groundwork.prediction.scene import was_predicted
        from groundwork.rasters.writing import write_rasters

        for key, stream in data.streams:
            paths = {product: self._path / f"{key}_{product}.tif" for product in PRODUCTS}
            write_rasters(stream, {product: paths[product] for product in stream.profiles})
            for product, path in paths.items():
                if product not in stream.profiles and was_predicted(path):
                    path.unlink()

    def preview(self) -> ImagePreview:
        """Show the first answer."""
        return self._answers().preview()

    def _exists(self) -> bool:
        return self._path.is_dir() and any(any(self._path.glob(f"*_{product}.tif")) for product in ANSWERS)

    def _describe(self) -> dict[str, Any]:
        return {"path": self._path.as_posix()}

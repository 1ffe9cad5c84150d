"""A catalog entry for predicted scenes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from kedro.io import AbstractDataset

from fieldwork.io.pictures import ImagePreview
from fieldwork.io.rasters import RasterFolderDataset
from groundwork.prediction.products import ANSWERS, PRODUCTS

if TYPE_CHECKING:
    from groundwork.prediction.scene import Predictions
    from groundwork.rasters.folder import RasterFolder


class PredictionsDataset(AbstractDataset["Predictions", "RasterFolder"]):
    """Drains predictions into ``<scene>_<product>``, scene by scene; loads the files of the answers."""

    def __init__(self, *, path: str, metadata: dict[str, Any] | None = None) -> None:
        """Take the folder."""
        self._path, self.metadata = Path(path), metadata

    def _answers(self) -> RasterFolderDataset:
        """Return the files of the answers, which are of one kind."""
        patterns = {product: f"{{key}}_{product}{suffix}" for product, suffix in PRODUCTS.items()}
        found = [name for name in ANSWERS if any(self._path.glob(patterns[name].replace("{key}", "*")))]
        answer = patterns.pop(next(iter([*found, *ANSWERS])))
        rasters = RasterFolderDataset(path=self._path.as_posix(), pattern=answer)
        rasters.beside = tuple(patterns.values())
        return rasters

    def load(self) -> RasterFolder:
        """Find the files of the answers."""
        return self._answers().load()

    def save(self, data: Predictions) -> None:
        """Write each scene when all of it is there, and remove what another run predicted of it."""
        from groundwork.prediction.writing import write_predictions

        write_predictions(self._path, data.streams)

    def preview(self) -> ImagePreview:
        """Show the first answer."""
        return self._answers().preview()

    def _exists(self) -> bool:
        patterns = [f"*_{product}{suffix}" for product, suffix in ANSWERS.items()]
        return self._path.is_dir() and any(any(self._path.glob(pattern)) for pattern in patterns)

    def _describe(self) -> dict[str, Any]:
        return {"path": self._path.as_posix()}

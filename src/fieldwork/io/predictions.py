"""A catalog entry for predicted scenes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kedro.io import AbstractDataset

from fieldwork.io.pictures import ImagePreview
from fieldwork.io.rasters import RasterFolderDataset
from groundwork.prediction.names import PATTERN, Names
from groundwork.prediction.products import ANSWERS, MOSAIC, PRODUCTS
from groundwork.rasters.addresses import local_path
from groundwork.rasters.folder import RasterFolder

if TYPE_CHECKING:
    from groundwork.prediction.scene import Predictions


class PredictionsDataset(AbstractDataset["Predictions", "RasterFolder"]):
    """Drains predictions into files named by scene and product, scene by scene; loads the files of the answers."""

    def __init__(self, *, path: str, pattern: str = PATTERN, metadata: dict[str, Any] | None = None) -> None:
        """Take the folder, and names with ``{key}``, ``{product}`` and perhaps ``{date}``, without an ending."""
        self._names, self.metadata = Names(local_path(path), pattern), metadata
        self._has_none = False

    def _answers(self) -> RasterFolderDataset:
        """Return the files of the answers, which are of one kind."""
        patterns = {product: self._names.of_product(product) for product in PRODUCTS}
        answer = patterns.pop(next(iter([*self._names.made_of(ANSWERS), *ANSWERS])))
        rasters = RasterFolderDataset(path=self._names.folder.as_posix(), pattern=answer)
        rasters.beside = (*patterns.values(), f"{MOSAIC}/{{key}}.tif")
        return rasters

    def load(self) -> RasterFolder:
        """Find the files of the answers; of several dates of a scene, the last. None after a part without scenes."""
        if self._has_none and not self._exists():
            return RasterFolder(self._names.folder, {})
        return self._answers().load().last_dates()

    def save(self, data: Predictions) -> None:
        """Write each scene when all of it is there, and remove what another run predicted of it."""
        from groundwork.prediction.writing import write_predictions

        write_predictions(self._names, data)
        self._has_none = data.has_none

    def preview(self) -> ImagePreview:
        """Show the first answer."""
        return self._answers().preview()

    def _exists(self) -> bool:
        return bool(self._names.made_of(ANSWERS))

    def _describe(self) -> dict[str, Any]:
        return {"path": self._names.folder.as_posix(), "pattern": self._names.pattern}

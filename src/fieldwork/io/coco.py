"""A catalog entry for annotations of objects in COCO's JSON."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from kedro.io import AbstractDataset, DatasetError

if TYPE_CHECKING:
    from groundwork.data.label_table import LabelTable
    from groundwork.rasters.folder import RasterFolder


class CocoLabelsDataset(AbstractDataset[None, "LabelTable | RasterFolder"]):
    """One file for all scenes, or a folder with one for each. Objects are read when a scene is."""

    def __init__(
        self,
        *,
        path: str,
        pattern: str = "{key}.json",
        image: str = "{key}.*",
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Take a file, and what it calls the image of a scene; or a folder, and how files in it are called."""
        self._path, self._pattern, self._image = Path(path), pattern, image
        self.metadata = metadata

    def load(self) -> LabelTable | RasterFolder:
        """Find the files, and the images of one that serves all scenes."""
        from groundwork.data.annotated_images import find_annotated
        from groundwork.rasters.folder import find_rasters

        if self._path.is_dir():
            return find_rasters(self._path, [self._pattern])
        return find_annotated(self._path, self._image)

    def save(self, data: None) -> NoReturn:  # noqa: ARG002
        """Refuse: labels are given."""
        raise DatasetError(f"{self._path} holds labels, which are read and not written.")

    def _exists(self) -> bool:
        return self._path.is_file() or (self._path.is_dir() and any(self._path.iterdir()))

    def _describe(self) -> dict[str, Any]:
        return {"path": self._path.as_posix(), "pattern": self._pattern, "image": self._image}

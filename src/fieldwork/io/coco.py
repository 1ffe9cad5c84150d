"""A catalog entry for annotations of objects in COCO's JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from kedro.io import AbstractDataset, DatasetError

from groundwork.rasters.stores import place_with

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
        credentials: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Take a file, and what it calls the image of a scene; or a folder, and how files in it are called.

        Addresses of files end as files do.
        """
        self._path, self._pattern, self._image = place_with(path, credentials), pattern, image
        self.metadata = metadata

    def load(self) -> LabelTable | RasterFolder:
        """Find the files, and the images of one that serves all scenes."""
        from groundwork.data.label_files import find_coco

        return find_coco(self._path, self._pattern, self._image)

    def save(self, data: None) -> NoReturn:  # noqa: ARG002
        """Refuse: labels are given."""
        raise DatasetError(f"{self._path} holds labels, which are read and not written.")

    def _exists(self) -> bool:
        from groundwork.rasters.fetched import can_be_fetched

        return can_be_fetched(self._path)

    def _describe(self) -> dict[str, Any]:
        return {"path": str(self._path), "pattern": self._pattern, "image": self._image}

"""A catalog entry for rasters that STAC items name."""

from __future__ import annotations

from datetime import date as day
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from kedro.io import AbstractDataset, DatasetError

from fieldwork.io.pictures import ImagePreview, first_picture
from groundwork.rasters.addresses import local_path

if TYPE_CHECKING:
    from groundwork.rasters.folder import RasterFolder


class StacItemsDataset(AbstractDataset[None, "RasterFolder"]):
    """Rasters named by STAC items: a file, a folder or an address of items, item collections or catalogues."""

    def __init__(
        self,
        *,
        path: str,
        assets: str | list[str],
        key: str = "id",
        date: str | None = "datetime",
        max_cloud_cover: float | None = None,
        dates: list[str | day] | None = None,
        collections: list[str] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Take the items, an asset (a list: one per band), the properties with key and date, and which are read."""
        self._path, self.metadata = path if "://" in path else str(local_path(path)), metadata
        self._named = ((assets,) if isinstance(assets, str) else tuple(assets), key, date, max_cloud_cover)
        self._between = dates and tuple(day.fromisoformat(str(text)) for text in dates)
        if self._between is not None and len(self._between) != 2:
            raise DatasetError(f"'dates' are the first and the last day of the items that are read; found {dates}.")
        self._collections = collections and tuple(collections)

    def load(self) -> RasterFolder:
        """Read the items, and no raster."""
        from groundwork.rasters.stac import ItemChoice, find_items

        return find_items(self._path, ItemChoice(*self._named, self._between, self._collections))  # type: ignore[arg-type]

    def save(self, data: None) -> NoReturn:  # noqa: ARG002
        """Refuse: items are given."""
        raise DatasetError(f"{self._path} names rasters, which are read and not written.")

    def preview(self, bands: list[int] | None = None) -> ImagePreview:
        """Show the first raster."""
        return first_picture(self.load(), bands)

    def _exists(self) -> bool:
        # Whether an address answers is seen when it is read.
        return "://" in self._path or Path(self._path).exists()

    def _describe(self) -> dict[str, Any]:
        return {"path": self._path, "assets": self._named[0]}

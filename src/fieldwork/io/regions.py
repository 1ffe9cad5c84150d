"""A catalog entry for regions: of a split, or the ground to which predictions are limited."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from kedro.io import AbstractDataset, DatasetError

from groundwork.rasters.addresses import is_there
from groundwork.rasters.stores import place_with

if TYPE_CHECKING:
    from groundwork.data.regions import Regions


class RegionsDataset(AbstractDataset[None, "Regions | None"]):
    """Polygons of a file, such as a GeoPackage or GeoJSON. Without a file there are no regions."""

    def __init__(
        self,
        *,
        path: str | None = None,
        layer: str | None = None,
        credentials: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Take the file or its address, and the name of its layer where it has several."""
        self._path = place_with(path, credentials) if path else None
        self._layer = layer
        self.metadata = metadata

    def load(self) -> Regions | None:
        """Read the polygons."""
        from groundwork.data.regions import read_regions
        from groundwork.rasters.fetched import fetched

        return None if self._path is None else read_regions(fetched(self._path), self._layer)

    def save(self, data: None) -> NoReturn:  # noqa: ARG002
        """Refuse: regions are given."""
        raise DatasetError("Regions are given, not made.")

    def _exists(self) -> bool:
        return self._path is None or is_there(self._path)

    def _describe(self) -> dict[str, Any]:
        return {"path": self._path and str(self._path), "layer": self._layer}

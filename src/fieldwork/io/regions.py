"""A catalog entry for regions: of a split, or the ground to which predictions are limited."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from kedro.io import AbstractDataset, DatasetError

if TYPE_CHECKING:
    from groundwork.data.regions import Regions


class RegionsDataset(AbstractDataset[None, "Regions | None"]):
    """Polygons of a file, such as a GeoPackage or GeoJSON. Without a file there are no regions."""

    def __init__(
        self, *, path: str | None = None, layer: str | None = None, metadata: dict[str, Any] | None = None
    ) -> None:
        """Take the file, and the name of its layer where it has several."""
        self._path = Path(path) if path else None
        self._layer = layer
        self.metadata = metadata

    def load(self) -> Regions | None:
        """Read the polygons."""
        from groundwork.data.regions import read_regions

        return None if self._path is None else read_regions(self._path, self._layer)

    def save(self, data: None) -> NoReturn:  # noqa: ARG002
        """Refuse: regions are given."""
        raise DatasetError("Regions are given, not made.")

    def _exists(self) -> bool:
        return self._path is None or self._path.is_file()

    def _describe(self) -> dict[str, Any]:
        return {"path": self._path and self._path.as_posix(), "layer": self._layer}

"""A catalog entry for the ground to which predictions are limited."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from kedro.io import AbstractDataset, DatasetError

if TYPE_CHECKING:
    from groundwork.rasters.area import Area


class AreaDataset(AbstractDataset[None, "Area | None"]):
    """Polygons of a file, such as a GeoPackage or GeoJSON: all of them together. Without a file there is no limit."""

    def __init__(
        self, *, path: str | None = None, layer: str | None = None, metadata: dict[str, Any] | None = None
    ) -> None:
        """Take the file, and the name of its layer where it has several."""
        self._path = Path(path) if path else None
        self._layer = layer
        self.metadata = metadata

    def load(self) -> Area | None:
        """Read the polygons."""
        from groundwork.data.regions import read_regions

        return None if self._path is None else read_regions(self._path, self._layer).area()

    def save(self, data: None) -> NoReturn:  # noqa: ARG002
        """Refuse: an area is given."""
        raise DatasetError("The area that is predicted is given, not made.")

    def _exists(self) -> bool:
        return self._path is None or self._path.is_file()

    def _describe(self) -> dict[str, Any]:
        return {"path": self._path and self._path.as_posix(), "layer": self._layer}

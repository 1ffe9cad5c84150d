"""A catalog entry for the rasters of several sources."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from kedro.io import AbstractDataset, DatasetError

from fieldwork.io.pictures import ImagePreview, first_picture
from fieldwork.io.rasters import RasterFolderDataset
from groundwork.rasters.addresses import place_below, place_of

if TYPE_CHECKING:
    from groundwork.rasters.folder import RasterFolder


class RasterSourcesDataset(AbstractDataset[None, "dict[str, RasterFolder]"]):
    """Rasters by source and key: each source has a folder and patterns, or an entry, of its own. Loads as handles."""

    def __init__(
        self, *, sources: dict[str, dict[str, Any]], path: str | None = None, metadata: dict[str, Any] | None = None
    ) -> None:
        """Take each source's ``folder`` below ``path`` (or its name), ``pattern``, ``variable``; or an entry's keys.

        Raises:
            DatasetError: For another key, or a source without a place.
        """
        self._path = None if path is None else place_of(path)
        self.metadata = metadata
        self._entries: dict[str, AbstractDataset[Any, RasterFolder]] = {}
        for name, stated in sources.items():
            if "type" in stated:
                self._entries[name] = AbstractDataset.from_config(name, stated)
                continue
            known = ["folder", "pattern", "variable", "credentials"]
            if unknown := sorted(set(stated) - set(known)):
                raise DatasetError(f"Source '{name}' has {known}; found {unknown}.")
            if self._path is None:
                raise DatasetError(f"Source '{name}' lies below 'path', which is missing. Add it, or give a 'type'.")
            options = {key: value for key, value in stated.items() if key != "folder"}
            place = place_below(self._path, str(stated.get("folder", name)))
            self._entries[name] = RasterFolderDataset(path=str(place), **options)

    def load(self) -> dict[str, RasterFolder]:
        """Find the rasters."""
        return {name: entry.load() for name, entry in sorted(self._entries.items())}

    def save(self, data: None) -> NoReturn:  # noqa: ARG002
        """Refuse: sources are read."""
        raise DatasetError(f"{self._path or 'The entry'} holds sources, which are read and not written.")

    def preview(self, bands: list[int] | None = None) -> ImagePreview:
        """Show the first raster of the first source."""
        return first_picture(next(iter(self._entries.values())).load(), bands)

    def _exists(self) -> bool:
        return all(entry.exists() for entry in self._entries.values())

    def _describe(self) -> dict[str, Any]:
        return {"path": self._path and str(self._path), "sources": sorted(self._entries)}

"""A catalog entry for packed chips."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kedro.io import AbstractDataset

from fieldwork.io.previews import JSONPreview, of_json
from groundwork.rasters.addresses import local_path

if TYPE_CHECKING:
    from groundwork.data.packed import ChipStore
    from groundwork.data.packing import ChipsToStore


class PackedChipsDataset(AbstractDataset["ChipsToStore", "ChipStore | None"]):
    """Chips of all splits in a folder; only a mark where they are read from files, which loads as None."""

    def __init__(self, *, path: str, metadata: dict[str, Any] | None = None) -> None:
        """Take the folder."""
        self._path = local_path(path)
        self.metadata = metadata

    def load(self) -> ChipStore | None:
        """Open the store; chips are mapped when they are read."""
        from groundwork.data.packed import open_store

        return open_store(self._path)

    def save(self, data: ChipsToStore) -> None:
        """Write the chips, whole or not at all."""
        from groundwork.data.packing import store_chips

        store_chips(data, self._path)

    def preview(self) -> JSONPreview:
        """Show what there is."""
        return of_json(self._path / "index.json")

    def _exists(self) -> bool:
        return (self._path / "index.json").is_file()

    def _describe(self) -> dict[str, Any]:
        return {"path": self._path.as_posix()}

"""A catalog entry for pictures of scenes."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any

from kedro_datasets.partitions import PartitionedDataset

from fieldwork.io.pictures import ImagePreview
from fieldwork.io.saved_whole import KnownByName


class QuicklooksDataset(KnownByName, PartitionedDataset):  # type: ignore[misc]
    """A picture per scene, of which Kedro-Viz shows the first."""

    def save(self, data: Mapping[str, Any]) -> None:
        """Draw and write one picture after the other; of None, take away what is there."""
        from groundwork.progress import track

        # That there are none is a result as well, as of a part of the scenes that has none.
        self._filesystem.makedirs(self._normalized_path, exist_ok=True)
        for name in data:
            place = self._partition_to_path(name)
            if data[name] is None and self._filesystem.exists(place):
                self._filesystem.rm(place)
        drawn = sorted(name for name in data if data[name] is not None)
        for name in track(drawn, "Drawing quick-looks", len(drawn)):
            super().save({name: data[name]})

    def load(self) -> dict[str, Callable[[], Any]]:
        """Return what reads each picture; none where none was asked for."""
        self._invalidate_caches()
        if self._filesystem.isdir(self._normalized_path) and not self._list_partitions():
            return {}
        pictures: dict[str, Callable[[], Any]] = super().load()
        return pictures

    def preview(self) -> ImagePreview:
        """Show the first picture."""
        read = super().load()
        return ImagePreview(base64.b64encode(read[min(read)]()).decode("ascii"))

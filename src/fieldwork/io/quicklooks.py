"""A catalog entry for pictures of scenes."""

from __future__ import annotations

import base64

from kedro_datasets.partitions import PartitionedDataset

from fieldwork.io.pictures import ImagePreview
from fieldwork.io.saved_whole import KnownByName


class QuicklooksDataset(KnownByName, PartitionedDataset):  # type: ignore[misc]
    """A picture per scene, of which Kedro-Viz shows the first."""

    def preview(self) -> ImagePreview:
        """Show the first picture."""
        read = self.load()
        return ImagePreview(base64.b64encode(read[min(read)]()).decode("ascii"))

"""A catalog entry for an encoder that other models start from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from kedro.io import AbstractDataset

from fieldwork.io.previews import JSONPreview, of_json
from groundwork.rasters.addresses import local_path

if TYPE_CHECKING:
    from groundwork.training.encoder import EncoderWeights


class EncoderWeightsDataset(AbstractDataset["EncoderWeights", Path]):
    """A folder of an encoder's weights as safetensors and of what they are; loads as the path of the weights."""

    def __init__(self, *, path: str, metadata: dict[str, Any] | None = None) -> None:
        """Take the folder."""
        self._path, self.metadata = local_path(path), metadata

    def load(self) -> Path:
        """Return the file that encoders name in their option ``weights``."""
        from groundwork.training.encoder import WEIGHTS

        return self._path / WEIGHTS

    def save(self, data: EncoderWeights) -> None:
        """Write the folder, whole or not at all."""
        from groundwork.training.encoder import save_encoder

        save_encoder(data, self._path)

    def preview(self) -> JSONPreview:
        """Show what there is."""
        return of_json(self._path / "encoder.json")

    def _exists(self) -> bool:
        return (self._path / "encoder.json").is_file()

    def _describe(self) -> dict[str, Any]:
        return {"path": self._path.as_posix()}

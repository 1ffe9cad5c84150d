"""The embeddings of chips, cell by cell."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from groundwork.batch import Batch, images_of, known_in
from groundwork.bundle import Bundle
from groundwork.config.inference import InferenceConfig
from groundwork.errors import BundleError
from groundwork.models.asking import engine_of, ready_to_ask
from groundwork.models.assembly.embedding import EmbeddingModel
from groundwork.models.engine import ModelScorer
from groundwork.models.features.padding import crop_center, pad_with_nothing

#: What embeddings are called in the place of a source.
EMBEDDING = "embedding"


class ChipEmbedder:
    """Gives the embeddings of chips as if they were the values of a source of large pixels."""

    def __init__(self, bundle: Bundle, asked: InferenceConfig) -> None:
        """Build the model.

        Args:
            bundle: A trained one.
            asked: How the model is asked, as scenes are predicted.

        Raises:
            BundleError: Where the bundle was never trained, or its model gives no embeddings.
        """
        bundle.require_trained()
        model = bundle.build_model()
        if not isinstance(model, EmbeddingModel):
            raise BundleError(f"The bundle's model {bundle.config.model.title()} gives no embeddings.")
        self._sizes, self._engine = model.sizes, engine_of(ModelScorer(ready_to_ask(model, asked)), asked)

    def embed(self, batch: Batch) -> Batch:
        """Return a batch whose pixels are cells; one cell for each chip where the model pools.

        A cell is valid where any pixel of it holds data.
        """
        features = self._engine.scores(images_of(batch), f"Samples {batch['sample_id']}").cpu()
        cells = features if features.dim() == 4 else features[..., None, None]
        known = known_in(batch).float().unsqueeze(1)
        padded = pad_with_nothing(known, self._padded(known))
        valid = functional.adaptive_max_pool2d(padded, (cells.shape[-2], cells.shape[-1]))[:, 0] > 0
        return Batch(
            images={EMBEDDING: cells}, valid={EMBEDDING: valid}, target=batch["target"], sample_id=batch["sample_id"]
        )

    def to_pixels(self, by_cell: Tensor, batch: Batch) -> Tensor:
        """Return what is said of cells (batch, outputs, rows, columns) for each pixel of their chips."""
        known = known_in(batch)
        padded = self._padded(known)
        spread = functional.interpolate(by_cell, size=padded, mode="nearest-exact")
        return crop_center(spread, (known.shape[-2], known.shape[-1]))

    def _padded(self, pixels: Tensor) -> tuple[int, int]:
        height, width = pixels.shape[-2:]
        multiple = self._sizes.multiple_for((height, width))
        return -(-height // multiple) * multiple, -(-width // multiple) * multiple

"""``parameters_inference.yml``: how scenes are predicted."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from groundwork.specs import RasterSpec
from groundwork.strict import Config


class EmbeddingsConfig(Config):
    """How embeddings are written: as they are, or as small whole numbers with a scale that the file states."""

    #: float32: as they are. int8: a quarter of the space, with a scale.
    dtype: Literal["float32", "int8"] = "float32"
    #: Only for int8: the largest value, on both sides of 0, that is kept; what lies beyond is cut off, and said so.
    limit: float | None = Field(default=None, gt=0, allow_inf_nan=False)

    @model_validator(mode="after")
    def _check(self) -> EmbeddingsConfig:
        if (self.dtype == "int8") != (self.limit is not None):
            raise ValueError(
                "'dtype: int8' needs 'limit', the largest value that is kept, and no other type has one: write a scene "
                "as float32 first, and look at its values"
            )
        return self

    @property
    def scale(self) -> float:
        """What a step of int8 stands for; 1 for other types."""
        return 1.0 if self.limit is None else self.limit / 127


class InferenceConfig(Config):
    """How scenes are predicted, window by window."""

    #: Side of a tile in pixels.
    tile_size: int = Field(default=256, gt=0)
    #: Pixels shared by neighbouring tiles, over which their scores are blended.
    overlap: int = Field(default=32, ge=0)
    batch_size: int = Field(default=8, gt=0)
    #: Also write the probability of each class.
    probabilities: bool = False
    #: How embeddings are written, of a model that gives such.
    embeddings: EmbeddingsConfig = EmbeddingsConfig()
    #: What the scenes' rasters hold, where that differs from the rasters the model was trained on (other layout, data
    #: type or nodata). Must have the model's bands by name. None: the same as for training.
    source: RasterSpec | None = None
    #: The same for models of several sources: source -> what its rasters hold.
    sources: dict[str, RasterSpec] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _check(self) -> InferenceConfig:
        if 2 * self.overlap > self.tile_size:
            raise ValueError(f"overlap {self.overlap} is more than half of tile_size {self.tile_size}")
        if self.source is not None and self.sources:
            raise ValueError("give 'source', or 'sources' for models of several, not both")
        return self

"""``parameters_inference.yml``: how scenes are predicted."""

from __future__ import annotations

from pydantic import Field, model_validator

from groundwork.specs import RasterSpec
from groundwork.strict import Config


class InferenceConfig(Config):
    """How scenes are predicted, window by window."""

    #: Side of a tile in pixels.
    tile_size: int = Field(default=256, gt=0)
    #: Pixels shared by neighbouring tiles, over which their scores are blended.
    overlap: int = Field(default=32, ge=0)
    batch_size: int = Field(default=8, gt=0)
    #: Also write the probability of each class.
    probabilities: bool = False
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

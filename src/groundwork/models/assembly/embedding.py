"""The assembly that gives an encoder's features as they are, to be stored or searched."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from torch import Tensor

from groundwork.config.model import ModelConfig
from groundwork.models.assembly.base import EncoderModel, Trunk
from groundwork.models.assembly.extractor import build_trunk, refuse_parts, resolve_necks, set_encoder_statistics
from groundwork.models.features.pooling import pool_valid
from groundwork.models.interface import Dates, Images, ModelFactory, ModelOutput
from groundwork.specs import FeatureSpec, RasterSpec, SpecError, TargetSpec

Pooling = Literal["none", "mean", "max", "min", "vector"]


class EmbeddingModel(EncoderModel):
    """Gives one level of the features, as a map or pooled to one vector per image.

    Args:
        trunk: Encoder and necks.
        pooling: ``none``: the map (batch, channels, height / stride, width / stride) of the padded image. ``mean``,
            ``max``, ``min``: over the cells of the map that hold data, (batch, channels). ``vector``: the encoder's own
            global vector.
        level: Which level; -1 is the coarsest.

    Raises:
        SpecError: For a level that does not exist, or a vector from an encoder that gives none.
    """

    def __init__(self, trunk: Trunk, *, pooling: Pooling = "none", level: int = -1) -> None:
        super().__init__(trunk)
        features = trunk.features
        if not -len(features.levels) <= level < len(features.levels):
            raise SpecError(f"'embedding' has no level {level}: it is given {features}")
        if pooling == "vector" and trunk.encoder.out.vector is None:
            raise SpecError("pooling 'vector' needs an encoder that gives a global vector: set its 'vector: true'")
        self.pooling = pooling
        self.level = level
        chosen = features.levels[level]
        self._stride = chosen.stride
        #: What ``forward`` gives: a map, or one vector.
        self.out = FeatureSpec((chosen,)) if pooling == "none" else FeatureSpec((), _width(trunk, pooling, level))

    def forward(
        self,
        image: Images,
        valid: Images | None = None,
        temporal_coords: Dates | None = None,
        location_coords: Tensor | None = None,
    ) -> ModelOutput:
        """Give the embedding. See :class:`Model`."""
        features = self.extract(image, valid, temporal_coords, location_coords)
        if self.pooling == "vector":
            assert features.vector is not None  # noqa: S101 - the constructor made sure
            return ModelOutput(features.vector)
        chosen = features.maps[self.level]
        if self.pooling == "none":
            return ModelOutput(chosen)
        return ModelOutput(pool_valid(chosen, features.share_valid(self._stride), self.pooling))


class EmbeddingFactory(ModelFactory):
    """Builds encoder -> necks, and gives their features as the output.

    Args:
        pooling: See :class:`EmbeddingModel`.
        level: Which level; -1 is the coarsest.
    """

    def __init__(self, *, pooling: Pooling = "none", level: int = -1) -> None:
        self._pooling: Pooling = pooling
        self._level = level

    def resolve(self, config: ModelConfig, inputs: Mapping[str, RasterSpec], target: TargetSpec) -> ModelConfig:  # noqa: ARG002
        """Write out the necks. See :class:`ModelFactory`."""
        return resolve_necks(config, inputs)

    def build_model(self, config: ModelConfig, inputs: Mapping[str, RasterSpec], target: TargetSpec) -> EmbeddingModel:  # noqa: ARG002
        """Build the model. See :class:`ModelFactory`."""
        refuse_parts(config, "embedding", ("decoder", "head", "auxiliary"))
        trunk = build_trunk(config, inputs)
        model = EmbeddingModel(trunk, pooling=self._pooling, level=self._level)
        if config.standardise == "from_encoder":
            set_encoder_statistics(model, trunk)
        return model


def _width(trunk: Trunk, pooling: Pooling, level: int) -> int:
    vector = trunk.encoder.out.vector
    return vector if pooling == "vector" and vector is not None else trunk.features.levels[level].channels

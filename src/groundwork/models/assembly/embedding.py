"""The assembly that gives an encoder's features as they are, to be stored or searched."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from torch import nn

from groundwork.config.model import ModelConfig
from groundwork.errors import SpecError
from groundwork.models.assembly.encoder_model import EncoderModel, FeatureExtractor
from groundwork.models.assembly.extractor import build_extractor, refuse_parts, resolve_necks, set_encoder_statistics
from groundwork.models.assembly.raster_model import Prepared
from groundwork.models.features.pooling import pool_valid
from groundwork.models.interface import ModelFactory, ModelOutput, Produces, Stage
from groundwork.specs import FeatureSpec, RasterSpec, TargetSpec

Pooling = Literal["none", "mean", "max", "min", "vector"]


class EmbeddingModel(EncoderModel):
    """Produces one level of the features, as a map or pooled to one vector per image.

    Args:
        extractor: Encoder and necks.
        pooling: ``none``: the map (batch, channels, height / stride, width / stride) of the padded image. ``mean``,
            ``max``, ``min``: over the cells of the map that hold data, (batch, channels). ``vector``: the encoder's own
            global vector.
        level: Which level; -1 is the coarsest.

    Raises:
        SpecError: For a level that does not exist, or a vector from an encoder that gives none.
    """

    produces = "embedding"

    def __init__(self, extractor: FeatureExtractor, *, pooling: Pooling = "none", level: int = -1) -> None:
        super().__init__(extractor)
        features = extractor.features
        if not -len(features.levels) <= level < len(features.levels):
            raise SpecError(f"'embedding' has no level {level}: it is given {features}")
        if pooling == "vector" and extractor.encoder.out.vector is None:
            raise SpecError("pooling 'vector' needs an encoder that gives a global vector: set its 'vector: true'")
        self.pooling = pooling
        self.level = level
        chosen = features.levels[level]
        if chosen.stride != int(chosen.stride):
            raise SpecError(
                f"'embedding' passes on cells of whole pixels; level {level} has {chosen}. Take another level"
            )
        #: Side of a cell of the map, in pixels.
        self.stride = int(chosen.stride)
        #: What ``forward`` gives: a map, or one vector.
        self.out = FeatureSpec((chosen,)) if pooling == "none" else FeatureSpec((), _width(extractor, pooling, level))

    @property
    def num_channels(self) -> int:
        """Number of values of an embedding."""
        return self.out.levels[0].channels if self.out.vector is None else self.out.vector

    def stages(self) -> list[Stage]:
        """Return the stages that images pass. See :class:`groundwork.models.interface.Model`."""
        return [*super().stages(), Stage("output", nn.Identity(), str(self.out))]

    def run(self, prepared: Prepared) -> ModelOutput:
        """Give the embedding. See :class:`groundwork.models.assembly.raster_model.RasterModel`."""
        features = self.extract(prepared)
        if self.pooling == "vector":
            assert features.vector is not None  # noqa: S101 - the constructor made sure
            return ModelOutput(features.vector)
        chosen = features.maps[self.level]
        if self.pooling == "none":
            return ModelOutput(chosen)
        return ModelOutput(pool_valid(chosen, prepared.share_valid(self.stride), self.pooling))


class EmbeddingFactory(ModelFactory):
    """Builds encoder -> necks, and gives their features as the output.

    Args:
        pooling: See :class:`EmbeddingModel`.
        level: Which level; -1 is the coarsest.
    """

    def __init__(self, *, pooling: Pooling = "none", level: int = -1) -> None:
        self._pooling: Pooling = pooling
        self._level = level

    @property
    def produces(self) -> Produces:
        """Features. See :class:`ModelFactory`."""
        return "embedding"

    def resolve(self, config: ModelConfig, inputs: Mapping[str, RasterSpec], target: TargetSpec) -> ModelConfig:  # noqa: ARG002
        """Write out the necks. See :class:`ModelFactory`."""
        return resolve_necks(config, inputs)

    def build_model(self, config: ModelConfig, inputs: Mapping[str, RasterSpec], target: TargetSpec) -> EmbeddingModel:  # noqa: ARG002
        """Build the model. See :class:`ModelFactory`."""
        refuse_parts(config, "embedding", ("decoder", "head", "auxiliary"))
        extractor = build_extractor(config, inputs)
        model = EmbeddingModel(extractor, pooling=self._pooling, level=self._level)
        set_encoder_statistics(model, extractor, config)
        return model


def _width(extractor: FeatureExtractor, pooling: Pooling, level: int) -> int:
    vector = extractor.encoder.out.vector
    return vector if pooling == "vector" and vector is not None else extractor.features.levels[level].channels

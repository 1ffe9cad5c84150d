"""What all models with an encoder have in common: encoder and necks, before whatever makes their features an answer."""

from __future__ import annotations

from abc import ABC
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import lcm
from typing import cast

from torch import Tensor, nn

from groundwork.models.assembly.raster_model import Prepared, RasterModel
from groundwork.models.encoders.base import Encoder
from groundwork.models.features.sizes import Padding, Sizes
from groundwork.models.interface import ENCODER, Stage, parameters_of
from groundwork.models.necks.base import Neck
from groundwork.models.weights.reading import LoadReport
from groundwork.specs import FeatureSpec, RasterSpec


@dataclass(frozen=True, slots=True)
class FeatureExtractor:
    """What stands before the decoder."""

    #: Source -> what its rasters hold.
    inputs: Mapping[str, RasterSpec]
    encoder: Encoder
    necks: Sequence[Neck] = ()
    padding: Padding = "symmetric"
    #: Images are grown to a multiple of this. None: to what encoder and necks need.
    multiple: int | None = None

    @property
    def features(self) -> FeatureSpec:
        """What the decoder is given."""
        return self.necks[-1].out if self.necks else self.encoder.out

    @property
    def sizes(self) -> Sizes:
        """Which images it takes: every level divides their height and width without a remainder."""
        specs = [self.encoder.out, *(neck.out for neck in self.necks)]
        # The least whole number of pixels that holds whole cells: 7 where a cell has 3.5.
        strides = [level.stride.as_integer_ratio()[0] for spec in specs for level in spec.levels]
        needed = lcm(self.encoder.size_multiple, *strides)
        multiple = self.multiple or (needed if self.padding != "none" else 1)
        own = {int(level.stride) for level in self.encoder.out.levels}
        # What has one stride is made of patches; networks of several strides take a rest.
        patch = own.pop() if len(own) == 1 else 1
        cell = 1 if multiple % patch == 0 else patch
        return Sizes(multiple, only=self.encoder.only_size, padding=self.padding, cell=cell)


@dataclass(frozen=True, slots=True)
class Features:
    """What encoder and necks give for a batch."""

    maps: list[Tensor]
    #: (batch, channels), where the encoder gives a global vector.
    vector: Tensor | None
    #: What they were made from.
    prepared: Prepared


class EncoderModel(RasterModel, ABC):
    """A model that encodes images and passes necks, and goes on from there.

    Args:
        extractor: Encoder and necks.
    """

    def __init__(self, extractor: FeatureExtractor) -> None:
        super().__init__(extractor.inputs, extractor.sizes)
        self.encoder = extractor.encoder
        self.coordinates = extractor.encoder.coordinates
        self.single_precision = extractor.encoder.single_precision
        self.necks = nn.ModuleList(extractor.necks)

    def parts(self) -> dict[str, dict[str, nn.Parameter]]:
        """Return encoder, necks, and each module behind them. See :class:`Model`."""
        return {name: parameters_of(self, name) for name, _ in self.named_children() if name != "standardise"}

    def stages(self) -> list[Stage]:
        """Return the stages that images pass. See :class:`Model`."""
        necks = [Stage(f"necks.{index}", neck, str(cast("Neck", neck).out)) for index, neck in enumerate(self.necks)]
        return [*super().stages(), Stage(ENCODER, self.encoder, str(self.encoder.out)), *necks]

    def pretraining(self) -> list[LoadReport]:
        """Return what became of the encoder's published weights. See :class:`Model`."""
        return list({id(report): report for report in self.encoder.loaded.values()}.values())

    def extract(self, prepared: Prepared) -> Features:
        """Give the feature maps that the decoder takes."""
        features = self.encoder(prepared.images)
        has_vector = self.encoder.out.vector is not None
        maps, vector = (features[:-1], features[-1]) if has_vector else (features, None)
        for neck in self.necks:
            maps = neck(maps)
        return Features(maps, vector, prepared)

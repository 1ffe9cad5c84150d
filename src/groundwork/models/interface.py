"""What a model is to a task, and what builds one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import torch
from torch import Tensor, nn

from groundwork.config.model import ModelConfig
from groundwork.models.encoders.wrappers.sources import Dates
from groundwork.models.weights.reading import LoadReport
from groundwork.specs import RasterSpec, SpecError, TargetSpec


@dataclass(frozen=True)
class ModelOutput:
    """What a model gives for a batch; a registered pytree, so that it passes through ``torch.export``."""

    #: Raw scores: (batch, outputs, height, width) in the size of the input, or (batch, outputs) for whole images.
    output: Tensor
    #: Scores of each auxiliary branch, in the same shape; empty outside training.
    auxiliary: dict[str, Tensor] = field(default_factory=dict)
    #: What models that know their own criterion give while training, one number each; they add up to the loss.
    losses: dict[str, Tensor] = field(default_factory=dict)


__all__ = ["Dates", "Images", "Model", "ModelFactory", "ModelOutput"]

#: Raw values of the one source, or of several by name.
Images: TypeAlias = Tensor | dict[str, Tensor]

torch.export.register_dataclass(ModelOutput, serialized_type_name="groundwork.ModelOutput")


class Model(nn.Module, ABC):
    """A network that any task can train."""

    #: Which of "time" and "location" it must be given beside the image.
    coordinates: frozenset[str] = frozenset()
    #: Whether it must compute in single precision, as half precision cannot tell what it is given apart.
    single_precision: bool = False

    def require_coordinates(self, *, time: bool, location: bool) -> None:
        """Refuse data without the coordinates that this model was told to use.

        Args:
            time: Whether the data has acquisition dates.
            location: Whether the data has a CRS.

        Raises:
            SpecError: With what is missing, and what to change.
        """
        given = {name for name, there in (("time", time), ("location", location)) if there}
        missing = sorted(self.coordinates - given)
        if missing:
            raise SpecError(
                f"The encoder was told to use the coordinates {sorted(self.coordinates)}, but the rasters have no "
                f"{' and no '.join(missing)}. 'time' needs the source's 'date_tag', 'location' a CRS; or take them "
                "out of the encoder's 'coordinates'."
            )

    @abstractmethod
    def set_statistics(self, mean: Sequence[float], std: Sequence[float], source: str | None = None) -> None:
        """Set what raw values are standardised by, one number per channel in raw units.

        Args:
            mean: Of each channel.
            std: Of each channel.
            source: Whose channels, where the model sees several sources.

        Raises:
            ValueError: For another number of channels, a deviation that is not positive, or an unknown source.
        """

    def pretraining(self) -> list[LoadReport]:
        """Return what became of published weights, for each network that started from some."""
        return []

    @abstractmethod
    def freeze_encoder(self) -> None:
        """Keep the encoder's weights as they are, batch-norm statistics included."""

    @abstractmethod
    def freeze_decoder(self) -> None:
        """Keep the weights of necks, decoders and heads as they are, batch-norm statistics included."""

    @abstractmethod
    def forward(
        self,
        image: Images,
        valid: Images | None = None,
        temporal_coords: Dates | None = None,
        location_coords: Tensor | None = None,
    ) -> ModelOutput:
        """Give scores for raw raster values.

        Args:
            image: (batch, channels, height, width), or (batch, channels, steps, height, width); several sources come
                as a dict of such tensors, of one height and width.
            valid: (batch, height, width), true where the image holds data; for several sources one mask for all, or
                one of each by name. None: everywhere.
            temporal_coords: (batch, steps, 2): year, and day of the year from 0; for several sources one for all, or
                one of each by name.
            location_coords: (batch, 2): latitude and longitude in degrees.
        """


class ModelFactory(ABC):
    """Builds a model from its configuration. A task receives one, so any model of this interface can be trained."""

    @abstractmethod
    def build_model(self, config: ModelConfig, inputs: Mapping[str, RasterSpec], target: TargetSpec) -> Model:
        """Build the model with fresh (or pre-trained) weights.

        Args:
            config: The components and their options.
            inputs: Source name -> what its rasters hold.
            target: What is predicted.

        Raises:
            SpecError: Where two components do not fit together.
            ComponentError: For an unknown name or option.
        """

    def resolve(self, config: ModelConfig, inputs: Mapping[str, RasterSpec], target: TargetSpec) -> ModelConfig:  # noqa: ARG002
        """Return the configuration with all that it leaves to the factory written out."""
        return config

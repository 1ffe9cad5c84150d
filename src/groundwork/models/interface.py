"""What a model is to a task, and what builds one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal, TypeAlias

import torch
from torch import Tensor, nn

from groundwork.batch import Images
from groundwork.config.model import ModelConfig
from groundwork.errors import SpecError
from groundwork.models.features.output_scale import OutputScale, Starting
from groundwork.models.freezing import fresh_parameters, keep_frozen_in_eval
from groundwork.models.weights.reading import LoadReport
from groundwork.specs import RasterSpec, TargetSpec

#: The part of a model that published weights belong to.
ENCODER = "encoder"
#: What a model gives: scores of the answers that a target asks for, its own image as it paints it, or features.
Produces: TypeAlias = Literal["answers", "reconstruction", "embedding"]


@dataclass(frozen=True)
class ModelOutput:
    """What a model gives for a batch; a registered pytree, so that it passes through ``torch.export``."""

    #: Raw scores: (batch, outputs, height, width) in the size of the input, or (batch, outputs) for whole images.
    output: Tensor
    #: Scores of each auxiliary branch, in the same shape; empty outside training.
    auxiliary: dict[str, Tensor] = field(default_factory=dict)
    #: What models that know their own criterion give while training, one number each; they add up to the loss.
    losses: dict[str, Tensor] = field(default_factory=dict)


torch.export.register_dataclass(ModelOutput, serialized_type_name="groundwork.ModelOutput")


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage that images pass on their way through a model."""

    #: Where it stands: ``encoder``, ``necks.0``, ``decoder``, ``head``, ``auxiliary.<name>.head``.
    name: str
    module: nn.Module
    #: What it passes on, for example ``[64ch/4px, 128ch/8px]``.
    output: str = ""


class Model(nn.Module, ABC):
    """A network that any task can train."""

    #: What its output is. A task learns from models that give one of these.
    produces: ClassVar[Produces] = "answers"
    #: Which of "time" and "location" it must be given beside the images.
    coordinates: frozenset[str] = frozenset()
    #: Whether it must compute in single precision, as half precision cannot tell what it is given apart.
    single_precision: bool = False
    #: Whether it is a program that was written down: its precision and its layers are settled.
    is_settled: bool = False

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
                f"{' and no '.join(missing)}. 'time' needs '{{date}}' in the pattern of the scenes or the source's "
                "'date_tag' or 'date_axis': numbers of steps are no dates. 'location' needs a CRS. Or take them out of "
                "the encoder's 'coordinates'."
            )

    @abstractmethod
    def set_statistics(self, mean: Sequence[float], std: Sequence[float], source: str | None = None) -> None:
        """Set what raw values are standardised by, one number per channel in raw units.

        Args:
            mean: Of each channel.
            std: Of each channel.
            source: Whose channels. None: of the only source.

        Raises:
            ValueError: For another number of channels, a deviation that is not positive, or an unknown source.
        """

    def set_output_statistics(self, mean: Sequence[float], std: Sequence[float]) -> None:
        """Set what the numbers of a regression are scaled by, one of each for every output, and let it begin there.

        Raises:
            ValueError: For another number of outputs, or a deviation that is not positive.
        """
        for module in self.modules():
            if isinstance(module, Starting):
                module.start_at(mean)
        for module in self.modules():
            if isinstance(module, OutputScale):
                module.set_statistics(mean, std)

    @abstractmethod
    def parts(self) -> dict[str, dict[str, nn.Parameter]]:
        """Return the parameters of each part by their names in the model, for freezing and for learning rates.

        Parts are called ``encoder``, ``necks``, ``decoder``, ``head`` and ``auxiliary.<name>``, as far as a model has
        them; each parameter belongs to one.
        """

    def stages(self) -> list[Stage]:
        """Return the stages that images pass, in order, for the model's card."""
        return [Stage(name, part) for name, part in self.named_children()]

    def pretraining(self) -> list[LoadReport]:
        """Return what became of published weights, for each network that started from some."""
        return []

    def freeze_encoder(self) -> None:
        """Keep the encoder's weights as they are, batch-norm statistics included; fresh ones are trained."""
        self._freeze([ENCODER])

    def freeze_decoder(self) -> None:
        """Keep all weights but the encoder's as they are, batch-norm statistics included."""
        self._freeze([part for part in self.parts() if part != ENCODER])

    def train(self, mode: bool = True) -> Model:
        """Switch to training or evaluation; frozen parts stay in evaluation."""
        super().train(mode)
        keep_frozen_in_eval(*self.children())
        return self

    def _freeze(self, parts: Iterable[str]) -> None:
        fresh, known = fresh_parameters(self), self.parts()
        for part in parts:
            for name, parameter in known.get(part, {}).items():
                parameter.requires_grad_(name in fresh)
        self.train(self.training)

    @abstractmethod
    def forward(self, images: Images) -> ModelOutput:
        """Give scores for raw raster values."""


def parameters_of(model: nn.Module, module: str) -> dict[str, nn.Parameter]:
    """Return the parameters of one of a model's modules by their names in the model; none where it has no such."""
    prefix = f"{module}."
    return {name: parameter for name, parameter in model.named_parameters() if name.startswith(prefix)}


class ModelFactory(ABC):
    """Builds a model from its configuration. A task receives one, so any model of this interface can be trained."""

    def require_deviations(self, config: ModelConfig, target: TargetSpec) -> None:
        """Refuse a target that asks for what its models do not say.

        Raises:
            SpecError: With what to change.
        """
        if target.deviation and not self.gives_deviations:
            raise SpecError(
                f"'data.target.deviation' asks how far off each number may be, which models of the factory "
                f"'{config.factory.name}' do not say: take 'factory: encoder_decoder', or remove 'deviation'"
            )

    @property
    def produces(self) -> Produces:
        """What the output of its models is."""
        return "answers"

    @property
    def gives_deviations(self) -> bool:
        """Whether its models also say how far off numbers may be, where a target asks for it."""
        return False

    @property
    def outline_cells(self) -> int:
        """Cells along each side of a box by which its models say the outline of an object; 0: they give boxes alone."""
        return 0

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

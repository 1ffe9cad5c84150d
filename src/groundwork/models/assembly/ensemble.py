"""Several trained models as one, whose answer is made of all of theirs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from torch import Tensor, nn

from groundwork.batch import Images
from groundwork.config.model import MemberConfig, ModelConfig
from groundwork.errors import SpecError
from groundwork.models.assembly.extractor import COMPONENTS, refuse_parts
from groundwork.models.interface import Model, ModelFactory, ModelOutput, Stage
from groundwork.registry import build
from groundwork.specs import RasterSpec, TargetSpec
from groundwork.targets.kind import TargetKind
from groundwork.targets.kinds import kind_of


class EnsembleModel(Model):
    """Gives what its members say together, each counting alike.

    Args:
        members: Models of the same inputs and target.
        temperatures: What the raw scores of each are divided by, so that its probabilities are right.
        kind: What the scores mean, and how several of them are made one.
    """

    def __init__(self, members: Sequence[Model], temperatures: Sequence[float], kind: TargetKind) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)
        self._temperatures, self._kind = tuple(temperatures), kind
        self.coordinates = frozenset().union(*(member.coordinates for member in members))
        self.single_precision = any(member.single_precision for member in members)

    def set_statistics(self, mean: Sequence[float], std: Sequence[float], source: str | None = None) -> None:
        """Set those of all members. See :class:`Model`."""
        for member in self._models():
            member.set_statistics(mean, std, source)

    def parts(self) -> dict[str, dict[str, nn.Parameter]]:
        """Return the parts of all members under their names. See :class:`Model`."""
        together: dict[str, dict[str, nn.Parameter]] = {}
        for index, member in enumerate(self._models()):
            for part, parameters in member.parts().items():
                named = {f"members.{index}.{name}": parameter for name, parameter in parameters.items()}
                together[part] = together.get(part, {}) | named
        return together

    def stages(self) -> list[Stage]:
        """Return the stages of all members. See :class:`Model`."""
        return [
            Stage(f"members.{index}.{stage.name}", stage.module, stage.output)
            for index, member in enumerate(self._models())
            for stage in member.stages()
        ]

    def forward(self, images: Images) -> ModelOutput:
        """Give the scores of all as one. See :class:`Model`."""
        given = [model(images).output.float() for model in self.members]
        return ModelOutput(self._kind.combine(self._scaled(given)))

    def _scaled(self, given: Sequence[Tensor]) -> list[Tensor]:
        pairs = zip(given, self._temperatures, strict=True)
        return [scores if temperature == 1.0 else scores / temperature for scores, temperature in pairs]

    def _models(self) -> list[Model]:
        return [cast("Model", member) for member in self.members]


class EnsembleFactory(ModelFactory):
    """Puts trained models together; :func:`groundwork.ensembles.ensemble_of` makes one bundle of several.

    Args:
        members: What each of them is.
    """

    def __init__(self, *, members: tuple[MemberConfig, ...]) -> None:
        self._members = members

    @property
    def gives_deviations(self) -> bool:
        """Whether all members do. See :class:`ModelFactory`."""
        from groundwork.models.factories import FACTORIES  # noqa: PLC0415 - it names this class

        return all(build(ModelFactory, FACTORIES, member.model.factory).gives_deviations for member in self._members)

    @property
    def outline_cells(self) -> int:
        """What each member says. See :class:`ModelFactory`."""
        from groundwork.models.factories import FACTORIES  # noqa: PLC0415 - it names this class

        return build(ModelFactory, FACTORIES, self._members[0].model.factory).outline_cells

    def build_model(self, config: ModelConfig, inputs: Mapping[str, RasterSpec], target: TargetSpec) -> Model:
        """Build the models. See :class:`ModelFactory`."""
        from groundwork.models.factories import FACTORIES  # noqa: PLC0415 - it names this class

        refuse_parts(config, "ensemble", COMPONENTS)
        if len(self._members) < 2:
            raise SpecError(f"An ensemble has two members or more, found {len(self._members)}")
        models = [
            build(ModelFactory, FACTORIES, member.model.factory).build_model(member.model, inputs, target)
            for member in self._members
        ]
        return EnsembleModel(models, [member.temperature for member in self._members], kind_of(target))

"""Wire encoder, necks, decoder and head into a model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, cast

from torch import nn

from groundwork.config.component import ComponentConfig
from groundwork.config.model import ModelConfig
from groundwork.errors import ComponentError, SpecError
from groundwork.models.assembly.branch import Branch, score
from groundwork.models.assembly.encoder_model import EncoderModel, FeatureExtractor
from groundwork.models.assembly.extractor import build_extractor, resolve_necks, set_encoder_statistics
from groundwork.models.assembly.raster_model import Prepared
from groundwork.models.decoders import DECODERS
from groundwork.models.decoders.base import Decoder
from groundwork.models.heads import HEADS
from groundwork.models.heads.base import Head
from groundwork.models.heads.deviation import NumbersAndDeviations
from groundwork.models.interface import ModelFactory, ModelOutput, Stage, parameters_of
from groundwork.models.naming import check_part_name
from groundwork.registry import build, find, located
from groundwork.specs import FeatureSpec, RasterSpec, TargetSpec

#: Whether each pixel or the image has an answer, and whether answers are classes -> the head that gives them.
_HEADS = {
    ("pixel", True): "segmentation",
    ("pixel", False): "regression",
    ("image", True): "classification",
    ("image", False): "scalar_regression",
}


class EncoderDecoderModel(EncoderModel):
    """Sends images through encoder, necks, decoder and head; gives scores per pixel or per image, as the head does.

    Args:
        extractor: Encoder and necks.
        main: From feature maps to scores.
        auxiliary: Branches by name, on the same feature maps; they give scores while training.
    """

    def __init__(
        self, extractor: FeatureExtractor, main: Branch, auxiliary: Mapping[str, Branch] | None = None
    ) -> None:
        super().__init__(extractor)
        self.decoder = main.decoder
        self.head = main.head
        self.auxiliary = nn.ModuleDict(dict(auxiliary or {}))

    @property
    def gives(self) -> Literal["pixel", "image"]:
        """What has scores of its own."""
        return self.head.per

    def parts(self) -> dict[str, dict[str, nn.Parameter]]:
        """Return encoder, necks, decoder, head, and each auxiliary branch. See :class:`Model`."""
        parts = super().parts()
        del parts["auxiliary"]
        return parts | {name: parameters_of(self, name) for name in (f"auxiliary.{key}" for key in self.auxiliary)}

    def stages(self) -> list[Stage]:
        """Return the stages that images pass. See :class:`Model`."""
        branches = {"": Branch(self.decoder, self.head)}
        branches |= {f"auxiliary.{name}.": cast("Branch", branch) for name, branch in self.auxiliary.items()}
        stages = super().stages()
        for prefix, branch in branches.items():
            stages.append(Stage(f"{prefix}decoder", branch.decoder, str(branch.decoder.out)))
            given = "one vector per image" if branch.head.out is None else str(branch.head.out)
            stages.append(Stage(f"{prefix}head", branch.head, given))
        return stages

    def run(self, prepared: Prepared) -> ModelOutput:
        """Give scores. See :class:`groundwork.models.assembly.raster_model.RasterModel`."""
        features = self.extract(prepared)
        branches = self.auxiliary.items() if self.training else ()
        return ModelOutput(
            output=score(self.decoder, self.head, features),
            auxiliary={name: branch(features) for name, branch in branches},
        )


class EncoderDecoderFactory(ModelFactory):
    """Builds encoder -> necks -> decoder -> head, with auxiliary branches beside the decoder."""

    @property
    def gives_deviations(self) -> bool:
        """They do. See :class:`ModelFactory`."""
        return True

    def resolve(self, config: ModelConfig, inputs: Mapping[str, RasterSpec], target: TargetSpec) -> ModelConfig:
        """Write out the necks and the heads. See :class:`ModelFactory`."""
        _refuse_objects(target)
        resolved = resolve_necks(config, inputs)
        branches = {
            name: branch.model_copy(update={"head": _head_config(branch.head, target)})
            for name, branch in config.auxiliary.items()
        }
        head = _head_config(config.head, target)
        return resolved.model_copy(update={"head": head, "auxiliary": branches})

    def build_model(
        self, config: ModelConfig, inputs: Mapping[str, RasterSpec], target: TargetSpec
    ) -> EncoderDecoderModel:
        """Build the model. See :class:`ModelFactory`."""
        _refuse_objects(target)
        _check_head(_head_config(config.head, target), target, "model.head")
        extractor = build_extractor(config, inputs)
        main = _build_branch(extractor, config.decoder, config.head, target, "model")
        branches = {
            check_part_name(name, "An auxiliary branch"): _build_branch(
                extractor, branch.decoder, branch.head, target, f"model.auxiliary.{name}"
            )
            for name, branch in config.auxiliary.items()
        }
        model = EncoderDecoderModel(extractor, main, branches)
        set_encoder_statistics(model, extractor, config)
        return model


def _build_branch(
    extractor: FeatureExtractor,
    decoder_config: ComponentConfig | None,
    head_config: ComponentConfig | None,
    target: TargetSpec,
    where: str,
) -> Branch:
    named, where_head = _head_config(head_config, target), f"{where}.head"
    _check_head(named, target, where_head)
    plain = decoder_config or ComponentConfig(name="identity")
    decoder = build(Decoder, DECODERS, plain, extractor.features, where=f"{where}.decoder")
    features = FeatureSpec((decoder.out,), extractor.encoder.out.vector)
    head = build(Head, HEADS, named, features, target.num_outputs, where=where_head)
    return Branch(decoder, NumbersAndDeviations(head, features, target.num_outputs) if target.deviation else head)


def _head_config(config: ComponentConfig | None, target: TargetSpec) -> ComponentConfig:
    return config or ComponentConfig(name=_HEADS[target.per, bool(target.classes)])


def _refuse_objects(target: TargetSpec) -> None:
    if target.per == "nothing":
        raise SpecError(
            "The factory 'encoder_decoder' answers what a target asks, and it is nothing: take a model of rasters "
            "alone, such as 'factory: {name: full_model, model: {name: prithvi_mae}}', or 'factory: embedding'"
        )
    if target.per == "object":
        raise SpecError(
            "The factory 'encoder_decoder' answers for pixels and images, the target is one 'per: object'. Set "
            "'factory: object_detection' in the model, or the target's 'per'"
        )


def _check_head(head: ComponentConfig, target: TargetSpec, where: str) -> None:
    """Refuse a head that gives other answers than the target has."""
    with located(where):
        found = find(HEADS, head.name)
        gives = found.per if issubclass(found, Head) else target.per
    right = _HEADS[target.per, bool(target.classes)]
    if target.per != gives:
        raise ComponentError(
            f"{where}: the head '{head.name}' gives one answer per {gives}, the target has one per {target.per}. Take "
            f"the head '{right}', or set the target's 'per: {gives}'"
        )
    if head.name in _HEADS.values() and head.name != right:
        given, wanted = ("numbers", "classes") if target.classes else ("classes", "numbers")
        raise ComponentError(
            f"{where}: the head '{head.name}' gives {given}, the target has {wanted}. Take the head '{right}', or give "
            f"the target '{'outputs' if target.classes else 'classes'}'"
        )

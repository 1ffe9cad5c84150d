"""Wire encoder, necks, decoder and head into a model."""

from __future__ import annotations

from collections.abc import Mapping

from torch import nn

from groundwork.config.component import ComponentConfig
from groundwork.config.model import ModelConfig
from groundwork.models.assembly import Trunk
from groundwork.models.decoders import DECODERS
from groundwork.models.decoders.base import Decoder
from groundwork.models.encoders.base import Encoder
from groundwork.models.expectations import statistics_of
from groundwork.models.heads import HEADS
from groundwork.models.heads.base import Head, ScalarHead
from groundwork.models.interface import Model, ModelFactory
from groundwork.models.pixelwise import Branch, PixelWiseModel
from groundwork.models.scalar import ScalarBranch, ScalarOutputModel
from groundwork.models.trunk import build_trunk, resolve_necks
from groundwork.registry import ComponentError, build, find
from groundwork.specs import RasterSpec, SpecError, TargetSpec

#: Whether each pixel or the image has an answer, and whether answers are classes -> the head that gives them.
_HEADS = {
    ("pixel", True): "segmentation",
    ("pixel", False): "regression",
    ("image", True): "classification",
    ("image", False): "scalar_regression",
}


class EncoderDecoderFactory(ModelFactory):
    """Builds encoder -> necks -> decoder -> head, with auxiliary branches beside the decoder."""

    def resolve(self, config: ModelConfig, inputs: Mapping[str, RasterSpec], target: TargetSpec) -> ModelConfig:
        """Write out the necks and the heads. See :class:`ModelFactory`."""
        resolved = resolve_necks(config, inputs)
        branches = {
            name: branch.model_copy(update={"head": _head_config(branch.head, target)})
            for name, branch in config.auxiliary.items()
        }
        head = _head_config(config.head, target)
        return resolved.model_copy(update={"head": head, "auxiliary": branches})

    def build_model(
        self, config: ModelConfig, inputs: Mapping[str, RasterSpec], target: TargetSpec
    ) -> PixelWiseModel | ScalarOutputModel:
        """Build the model. See :class:`ModelFactory`."""
        trunk = build_trunk(config, inputs)
        head = _head_config(config.head, target)
        if issubclass(find(HEADS, head.name), ScalarHead):
            model: PixelWiseModel | ScalarOutputModel = _build_scalar(config, trunk, head, target)
        else:
            model = _build_pixelwise(config, trunk, head, target)
        if config.standardise == "from_encoder":
            set_encoder_statistics(model, trunk)
        return model


def set_encoder_statistics(model: Model, trunk: Trunk) -> None:
    """Standardise by the statistics of the encoder's pre-training.

    Raises:
        SpecError: Where it publishes none, or a band's units are not stated.
    """
    encoder = trunk.encoder
    for source, raster in trunk.inputs.items():
        info = encoder.info if isinstance(encoder, Encoder) else encoder.infos.get(source)
        model.set_statistics(*statistics_of(info, raster), source)


def _build_pixelwise(config: ModelConfig, trunk: Trunk, head: ComponentConfig, target: TargetSpec) -> PixelWiseModel:
    _check_answers(head, target, "pixel")
    main = _build_branch(trunk, config.decoder, head, target)
    auxiliary = {
        _check_name(name): _build_branch(trunk, branch.decoder, _head_config(branch.head, target), target)
        for name, branch in config.auxiliary.items()
    }
    return PixelWiseModel(trunk, main.decoder, main.head, auxiliary)


def _build_scalar(config: ModelConfig, trunk: Trunk, head: ComponentConfig, target: TargetSpec) -> ScalarOutputModel:
    _check_answers(head, target, "image")
    main = _build_scalar_branch(trunk, config.decoder, head, target)
    auxiliary = {
        _check_name(name): _build_scalar_branch(trunk, branch.decoder, _head_config(branch.head, target), target)
        for name, branch in config.auxiliary.items()
    }
    return ScalarOutputModel(trunk, main.decoder, main.head, auxiliary)


def _build_branch(
    trunk: Trunk, decoder_config: ComponentConfig | None, head_config: ComponentConfig, target: TargetSpec
) -> Branch:
    decoder = _build_decoder(trunk, decoder_config)
    if issubclass(find(HEADS, head_config.name), ScalarHead):
        raise SpecError(f"The branch's head '{head_config.name}' answers for images, the main one for pixels")
    head = build(Head, HEADS, head_config, decoder.out, target.num_outputs)  # type: ignore[type-abstract]
    return Branch(decoder, head)


def _build_scalar_branch(
    trunk: Trunk, decoder_config: ComponentConfig | None, head_config: ComponentConfig, target: TargetSpec
) -> ScalarBranch:
    decoder = _build_decoder(trunk, decoder_config)
    wired = (decoder.out, trunk.encoder.out.vector, target.num_outputs)
    head = build(ScalarHead, HEADS, head_config, *wired)  # type: ignore[type-abstract]
    return ScalarBranch(decoder, head)


def _build_decoder(trunk: Trunk, config: ComponentConfig | None) -> Decoder:
    named = config or ComponentConfig(name="identity")
    decoder: Decoder = build(Decoder, DECODERS, named, trunk.features)  # type: ignore[type-abstract]
    return decoder


def _head_config(config: ComponentConfig | None, target: TargetSpec) -> ComponentConfig:
    return config or ComponentConfig(name=_HEADS[target.per, bool(target.classes)])


def _check_answers(head: ComponentConfig, target: TargetSpec, gives: str) -> None:
    if target.per != gives:
        raise ComponentError(
            f"The head '{head.name}' gives one answer per {gives}, the target has one per {target.per}. Take the head "
            f"'{_HEADS[target.per, bool(target.classes)]}', or set the target's 'per: {gives}'"
        )


def _check_name(name: str) -> str:
    # torch keeps modules as attributes, so a branch cannot bear the name of a method.
    if name in dir(nn.ModuleDict):
        raise SpecError(f"An auxiliary branch cannot be named '{name}', which torch uses itself. Choose another name")
    return name

"""Wire encoder, necks, decoder and head into a model."""

from __future__ import annotations

from collections.abc import Mapping

from groundwork.config.component import ComponentConfig
from groundwork.config.model import ModelConfig
from groundwork.models.assembly.base import Trunk
from groundwork.models.assembly.extractor import build_trunk, resolve_necks, set_encoder_statistics
from groundwork.models.assembly.pixelwise import Branch, PixelWiseModel
from groundwork.models.assembly.scalar import ScalarBranch, ScalarOutputModel
from groundwork.models.decoders import DECODERS
from groundwork.models.decoders.base import Decoder
from groundwork.models.heads import HEADS
from groundwork.models.heads.base import Head, ScalarHead
from groundwork.models.interface import ModelFactory
from groundwork.models.naming import check_part_name
from groundwork.registry import ComponentError, build, find, located
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
    ) -> PixelWiseModel | ScalarOutputModel:
        """Build the model. See :class:`ModelFactory`."""
        _refuse_objects(target)
        head = _head_config(config.head, target)
        is_scalar = _is_scalar(head, "model.head")
        _check_answers(head, target, "image" if is_scalar else "pixel", "model.head")
        trunk = build_trunk(config, inputs)
        if is_scalar:
            model: PixelWiseModel | ScalarOutputModel = _build_scalar(config, trunk, head, target)
        else:
            model = _build_pixelwise(config, trunk, head, target)
        if config.standardise == "from_encoder":
            set_encoder_statistics(model, trunk)
        return model


def _build_pixelwise(config: ModelConfig, trunk: Trunk, head: ComponentConfig, target: TargetSpec) -> PixelWiseModel:
    main = _build_branch(trunk, config.decoder, head, target, "model")
    auxiliary = {
        _checked(name): _build_branch(trunk, branch.decoder, _head_config(branch.head, target), target, _place(name))
        for name, branch in config.auxiliary.items()
    }
    return PixelWiseModel(trunk, main.decoder, main.head, auxiliary)


def _build_scalar(config: ModelConfig, trunk: Trunk, head: ComponentConfig, target: TargetSpec) -> ScalarOutputModel:
    main = _build_scalar_branch(trunk, config.decoder, head, target, "model")
    auxiliary = {
        _checked(name): _build_scalar_branch(
            trunk, branch.decoder, _head_config(branch.head, target), target, _place(name)
        )
        for name, branch in config.auxiliary.items()
    }
    return ScalarOutputModel(trunk, main.decoder, main.head, auxiliary)


def _build_branch(
    trunk: Trunk, decoder_config: ComponentConfig | None, head_config: ComponentConfig, target: TargetSpec, where: str
) -> Branch:
    where_head = f"{where}.head"
    if _is_scalar(head_config, where_head):
        raise SpecError(f"{where_head}: '{head_config.name}' answers for images, the main head for pixels")
    _check_answers(head_config, target, "pixel", where_head)
    decoder = _build_decoder(trunk, decoder_config, where)
    wired = (decoder.out, target.num_outputs)
    head = build(Head, HEADS, head_config, *wired, where=where_head)  # type: ignore[type-abstract]
    return Branch(decoder, head)


def _build_scalar_branch(
    trunk: Trunk, decoder_config: ComponentConfig | None, head_config: ComponentConfig, target: TargetSpec, where: str
) -> ScalarBranch:
    where_head = f"{where}.head"
    if not _is_scalar(head_config, where_head):
        raise SpecError(f"{where_head}: '{head_config.name}' answers for pixels, the main head for images")
    _check_answers(head_config, target, "image", where_head)
    decoder = _build_decoder(trunk, decoder_config, where)
    wired = (decoder.out, trunk.encoder.out.vector, target.num_outputs)
    head = build(ScalarHead, HEADS, head_config, *wired, where=where_head)  # type: ignore[type-abstract]
    return ScalarBranch(decoder, head)


def _build_decoder(trunk: Trunk, config: ComponentConfig | None, where: str) -> Decoder:
    named = config or ComponentConfig(name="identity")
    where = f"{where}.decoder"
    decoder: Decoder = build(Decoder, DECODERS, named, trunk.features, where=where)  # type: ignore[type-abstract]
    return decoder


def _is_scalar(head: ComponentConfig, where: str) -> bool:
    with located(where):
        return issubclass(find(HEADS, head.name), ScalarHead)


def _head_config(config: ComponentConfig | None, target: TargetSpec) -> ComponentConfig:
    return config or ComponentConfig(name=_HEADS[target.per, bool(target.classes)])


def _refuse_objects(target: TargetSpec) -> None:
    if target.per == "object":
        raise SpecError(
            "The factory 'encoder_decoder' answers for pixels and images, the target is one 'per: object'. Set "
            "'factory: object_detection' in the model, or the target's 'per'"
        )


def _check_answers(head: ComponentConfig, target: TargetSpec, gives: str, where: str) -> None:
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


def _place(name: str) -> str:
    return f"model.auxiliary.{name}"


def _checked(name: str) -> str:
    return check_part_name(name, "An auxiliary branch")

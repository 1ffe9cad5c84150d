"""Wire encoder, necks, decoder and head into a model, and say what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import cast

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from groundwork.config.component import ComponentConfig
from groundwork.config.model import ModelConfig
from groundwork.models.decoders import DECODERS
from groundwork.models.decoders.base import Decoder
from groundwork.models.encoders import ENCODERS
from groundwork.models.encoders.base import Encoder
from groundwork.models.heads import HEADS
from groundwork.models.heads.base import Head
from groundwork.models.interface import Model, ModelFactory
from groundwork.models.necks import NECKS
from groundwork.models.necks.base import Neck
from groundwork.models.pixelwise import Branch, PixelWiseModel
from groundwork.models.standardise import Standardise
from groundwork.registry import build
from groundwork.specs import FeatureLevel, FeatureSpec, RasterSpec, SpecError, TargetSpec


class EncoderDecoderFactory(ModelFactory):
    """Builds encoder -> necks -> decoder -> head, with auxiliary branches beside the decoder."""

    def build_model(self, config: ModelConfig, inputs: Mapping[str, RasterSpec], target: TargetSpec) -> PixelWiseModel:
        """Build the model. See :class:`ModelFactory`."""
        raster = _only_source(inputs)
        encoder = build(Encoder, ENCODERS, config.encoder, raster)  # type: ignore[type-abstract]
        features = encoder.out
        necks = []
        for neck_config in config.necks:
            neck = build(Neck, NECKS, neck_config, features)  # type: ignore[type-abstract]
            features = neck.out
            necks.append(neck)
        main = _build_branch(config.decoder, config.head, features, target)
        auxiliary = {
            _check_name(name): _build_branch(branch.decoder, branch.head, features, target)
            for name, branch in config.auxiliary.items()
        }
        return PixelWiseModel(Standardise(raster.num_channels), encoder, necks, main.decoder, main.head, auxiliary)


@dataclass(frozen=True, slots=True)
class FlowRow:
    """One stage of a model, for its card."""

    #: Where the stage stands: ``encoder``, ``necks.0``, ``decoder``, ``head``, ``auxiliary.<name>.head``.
    stage: str
    #: Name of the component's class.
    component: str
    #: What it passes on, for example ``[64ch/4px, 128ch/8px]``.
    output: str
    num_parameters: int
    #: Whether any of its parameters is trained.
    trainable: bool


def describe_flow(model: PixelWiseModel) -> list[FlowRow]:
    """Return one row per stage of a model, in the order in which an image passes them."""
    rows = [_row("standardise", model.standardise, FeatureLevel(len(model.standardise.mean), stride=1))]
    rows.append(_row("encoder", model.encoder, model.encoder.out))
    for index, neck in enumerate(model.necks):
        rows.append(_row(f"necks.{index}", neck, cast("Neck", neck).out))
    branches = {"": Branch(model.decoder, model.head)}
    branches |= {f"auxiliary.{name}.": cast("Branch", branch) for name, branch in model.auxiliary.items()}
    for prefix, branch in branches.items():
        rows.append(_row(f"{prefix}decoder", branch.decoder, branch.decoder.out))
        rows.append(_row(f"{prefix}head", branch.head, branch.head.out))
    return rows


def count_macs(model: Model, inputs: RasterSpec, size: int) -> int:
    """Return the multiply-accumulate operations that one prediction of one image takes.

    Nothing is computed: the model's shapes run through torch's counter on the meta device.

    Args:
        model: Any model; it stays as it is.
        inputs: What its rasters hold.
        size: Height and width of the image, in pixels.
    """
    tensors = [*model.parameters(), *model.buffers()]
    # Copying with these in place of the weights costs no memory, however large the model is.
    meta = deepcopy(model, {id(tensor): torch.empty_like(tensor, device="meta") for tensor in tensors}).eval()
    steps = (inputs.steps,) if inputs.steps > 1 else ()
    image = torch.empty(1, inputs.num_channels, *steps, size, size, device="meta")
    temporal = torch.empty(1, inputs.steps, 2, device="meta")
    location = torch.empty(1, 2, device="meta")
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        meta(image, temporal_coords=temporal, location_coords=location)
    return int(counter.get_total_flops() // 2)


def _only_source(inputs: Mapping[str, RasterSpec]) -> RasterSpec:
    if len(inputs) != 1:
        raise SpecError(
            f"'encoder_decoder' takes exactly one source, got {len(inputs)}: {sorted(inputs)}. Several sources are "
            "not supported yet: keep one, or stack the others' bands into its rasters"
        )
    return next(iter(inputs.values()))


def _build_branch(
    decoder_config: ComponentConfig, head_config: ComponentConfig, features: FeatureSpec, target: TargetSpec
) -> Branch:
    decoder = build(Decoder, DECODERS, decoder_config, features)  # type: ignore[type-abstract]
    head = build(Head, HEADS, head_config, decoder.out, target.num_outputs)  # type: ignore[type-abstract]
    return Branch(decoder, head)


def _check_name(name: str) -> str:
    # torch keeps modules as attributes, so a branch cannot bear the name of a method.
    if name in dir(nn.ModuleDict):
        raise SpecError(f"An auxiliary branch cannot be named '{name}', which torch uses itself. Choose another name")
    return name


def _row(stage: str, module: nn.Module, output: FeatureLevel | FeatureSpec) -> FlowRow:
    parameters = list(module.parameters())
    return FlowRow(
        stage=stage,
        component=type(module).__name__,
        output=str(output),
        num_parameters=sum(parameter.numel() for parameter in parameters),
        trainable=any(parameter.requires_grad for parameter in parameters),
    )

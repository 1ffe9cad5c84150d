"""Say what a model is made of, and what it costs."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from groundwork.models.assembly.base import EncoderModel
from groundwork.models.assembly.detection import DetectionModel
from groundwork.models.assembly.embedding import EmbeddingModel
from groundwork.models.assembly.pixelwise import Branch, PixelWiseModel
from groundwork.models.assembly.scalar import ScalarBranch, ScalarOutputModel
from groundwork.models.assembly.standardise import Standardise
from groundwork.models.interface import Dates, Images, Model
from groundwork.models.necks.base import Neck
from groundwork.specs import RasterSpec


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


def describe_flow(model: Model) -> list[FlowRow]:
    """Return one row per stage of a model, in the order in which an image passes them."""
    if not isinstance(model, EncoderModel):
        return [_row(name, part, "") for name, part in model.named_children()]
    rows = [_row("standardise", model.standardise, _channels(model))]
    rows.append(_row("encoder", model.encoder, str(model.encoder.out)))
    for index, neck in enumerate(model.necks):
        rows.append(_row(f"necks.{index}", neck, str(cast("Neck", neck).out)))
    if isinstance(model, PixelWiseModel):
        main: Branch | ScalarBranch = Branch(model.decoder, model.head)
    elif isinstance(model, ScalarOutputModel):
        main = ScalarBranch(model.decoder, model.head)
    elif isinstance(model, DetectionModel):
        return [*rows, _row("detector", model.detector, "objects")]
    else:
        output = str(model.out) if isinstance(model, EmbeddingModel) else ""
        return [*rows, FlowRow("output", type(model).__name__, output, 0, trainable=False)]
    branches = {"": main}
    branches |= {f"auxiliary.{name}.": cast("Branch", branch) for name, branch in model.auxiliary.items()}
    for prefix, branch in branches.items():
        rows.append(_row(f"{prefix}decoder", branch.decoder, str(branch.decoder.out)))
        head = str(branch.head.out) if isinstance(branch, Branch) else "one vector per image"
        rows.append(_row(f"{prefix}head", branch.head, head))
    return rows


def count_macs(model: Model, inputs: Mapping[str, RasterSpec], size: int) -> int:
    """Return the multiply-accumulate operations that one prediction of one image takes.

    Nothing is computed: the model's shapes run through torch's counter on the meta device. Of a detector only encoder
    and necks are counted, as the rest depends on what is found.

    Args:
        model: Any model; it stays as it is.
        inputs: What its rasters hold.
        size: Height and width of the image, in pixels.
    """
    tensors = [*model.parameters(), *model.buffers()]
    # Copying with these in place of the weights costs no memory, however large the model is.
    meta = deepcopy(model, {id(tensor): torch.empty_like(tensor, device="meta") for tensor in tensors}).eval()
    image, temporal, location = example_inputs(inputs, (size, size), "meta")
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        if isinstance(meta, DetectionModel):
            meta.extract(image, None, temporal, location)
        else:
            meta(image, temporal_coords=temporal, location_coords=location)
    return int(counter.get_total_flops() // 2)


def example_inputs(
    inputs: Mapping[str, RasterSpec], size: tuple[int, int], device: str = "cpu"
) -> tuple[Images, Dates, Tensor]:
    """Return an image of zeros, the coordinates of its time steps and of its place, as a model takes them."""
    images = {
        source: torch.zeros(1, spec.num_channels, *((spec.steps,) if spec.steps > 1 else ()), *size, device=device)
        for source, spec in inputs.items()
    }
    dates = {source: torch.zeros(1, spec.steps, 2, device=device) for source, spec in inputs.items()}
    is_alike = len({spec.steps for spec in inputs.values()}) == 1
    image = images if len(images) > 1 else next(iter(images.values()))
    return image, next(iter(dates.values())) if is_alike else dates, torch.zeros(1, 2, device=device)


def _channels(model: EncoderModel) -> str:
    if isinstance(model.standardise, Standardise):
        return f"{len(model.standardise.mean)}ch/1px"
    parts = model.standardise.sources.items()
    return "[" + ", ".join(f"{name}:{len(cast('Standardise', part).mean)}ch/1px" for name, part in parts) + "]"


def _row(stage: str, module: nn.Module, output: str) -> FlowRow:
    parameters = list(module.parameters())
    return FlowRow(
        stage=stage,
        component=type(module).__name__,
        output=output,
        num_parameters=sum(parameter.numel() for parameter in parameters),
        trainable=any(parameter.requires_grad for parameter in parameters),
    )

"""Say what a model is made of, and what it costs."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass

import torch
from torch.utils.flop_counter import FlopCounterMode

from groundwork.models.assembly.detection import DetectionModel
from groundwork.models.examples import example_images
from groundwork.models.interface import Model, Stage
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
    """Return one row per stage of a model, in the order in which images pass them."""
    return [_row(stage) for stage in model.stages()]


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
    images = example_images(inputs, (size, size), "meta")
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        if isinstance(meta, DetectionModel):
            meta.extract(meta.prepare(images))
        else:
            meta(images)
    return int(counter.get_total_flops() // 2)


def _row(stage: Stage) -> FlowRow:
    parameters = list(stage.module.parameters())
    return FlowRow(
        stage=stage.name,
        component=type(stage.module).__name__,
        output=stage.output,
        num_parameters=sum(parameter.numel() for parameter in parameters),
        trainable=any(parameter.requires_grad for parameter in parameters),
    )

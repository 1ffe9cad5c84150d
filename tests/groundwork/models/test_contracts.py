"""Every component of every table keeps the promises of its family. A new line in a table is tested from here on."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, TypeAlias

import pytest
import torch
from torch import Tensor, nn

from groundwork.config.component import ComponentConfig
from groundwork.models.decoders import DECODERS
from groundwork.models.decoders.base import Decoder
from groundwork.models.encoders import ENCODERS
from groundwork.models.encoders.base import Encoder
from groundwork.models.heads import HEADS
from groundwork.models.heads.base import Head
from groundwork.models.necks import NECKS
from groundwork.models.necks.base import Neck
from groundwork.registry import Table, build
from groundwork.specs import FeatureLevel, FeatureSpec, RasterSpec

#: Options that have no default, or whose default is too large for a test.
OPTIONS: dict[str, dict[str, Any]] = {
    "prithvi_vit": {"image_size": 64},
    "select": {"indices": [0, -1]},
    "timm": {"model": "test_resnet"},
}
PYRAMID = FeatureSpec(tuple(FeatureLevel(8 * (index + 1), 4 << index) for index in range(4)))
PLAIN = FeatureSpec((FeatureLevel(16, 16),) * 4)
#: What necks are given, where it is not a pyramid.
GIVEN = {"pyramid": PLAIN}
SIZES = [(64, 64), (64, 96)]
FAMILIES: list[tuple[type[nn.Module], Table]] = [
    (Encoder, ENCODERS),
    (Neck, NECKS),
    (Decoder, DECODERS),
    (Head, HEADS),
]
SPOTS = [pytest.param((kind, table, name), id=name) for kind, table in FAMILIES for name in table]


#: Family, its table, and a name in it.
Spot: TypeAlias = tuple[type[nn.Module], Table, str]


@dataclass
class Case:
    """A component, and what it is called with at a size of the image."""

    component: nn.Module
    given: FeatureSpec | FeatureLevel | RasterSpec

    def inputs(self, size: tuple[int, int]) -> tuple[Any, ...]:
        if isinstance(self.given, RasterSpec):
            image = torch.randn(2, self.given.num_channels, *size)
            return image, torch.tensor([[[2021.0, 3.0]]] * 2), torch.tensor([[47.0, 8.0]] * 2)
        if isinstance(self.given, FeatureLevel):
            return (_map_of(self.given, size),)
        return ([_map_of(level, size) for level in self.given.levels],)

    def outputs(self, inputs: tuple[Any, ...]) -> list[Tensor]:
        given = self.component(*inputs)
        return [given] if isinstance(given, Tensor) else given

    @property
    def promised(self) -> tuple[FeatureLevel, ...]:
        out = self.component.out
        return (out,) if isinstance(out, FeatureLevel) else out.levels


MakeCase: TypeAlias = Callable[[Spot], Case]


def _map_of(level: FeatureLevel, size: tuple[int, int]) -> Tensor:
    return torch.randn(2, level.channels, size[0] // level.stride, size[1] // level.stride)


@pytest.fixture
def make_case(raster: RasterSpec) -> MakeCase:
    def make(spot: Spot) -> Case:
        kind, table, name = spot
        wired: dict[type[nn.Module], tuple[Any, ...]] = {
            Encoder: (raster,),
            Neck: (GIVEN.get(name, PYRAMID),),
            Decoder: (PYRAMID,),
            Head: (PYRAMID.levels[0], 3),
        }
        config = ComponentConfig(name=name, **OPTIONS.get(name, {}))
        return Case(build(kind, table, config, *wired[kind]), wired[kind][0])

    return make


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("spot", SPOTS)
def test_output_has_the_shapes_that_out_promises(spot: Spot, size: tuple[int, int], make_case: MakeCase) -> None:
    case = make_case(spot)
    case.component.eval()
    shapes = [tuple(output.shape) for output in case.outputs(case.inputs(size))]
    assert shapes == [(2, lv.channels, size[0] // lv.stride, size[1] // lv.stride) for lv in case.promised]


@pytest.mark.parametrize("spot", SPOTS)
def test_gradient_reaches_every_parameter(spot: Spot, make_case: MakeCase) -> None:
    case = make_case(spot)
    case.component.train()
    for parameter in case.component.parameters():
        # Some networks start with branches that are switched off by a zero, for which gradients wait one step.
        if not parameter.any():
            nn.init.normal_(parameter)
    outputs = case.outputs(case.inputs((64, 64)))
    if list(case.component.parameters()):
        # Random weights: the plain sum of a normalised map is constant.
        sum((output * torch.randn_like(output)).sum() for output in outputs).backward()
    for key, parameter in case.component.named_parameters():
        assert parameter.grad is not None, key
        assert parameter.grad.isfinite().all(), key
        assert parameter.grad.abs().sum() > 0, key


@pytest.mark.parametrize("spot", SPOTS)
def test_deep_copy_gives_the_same(spot: Spot, make_case: MakeCase) -> None:
    case = make_case(spot)
    case.component.eval()
    inputs = case.inputs((64, 64))
    copied = Case(deepcopy(case.component), case.given)
    for output, again in zip(case.outputs(inputs), copied.outputs(inputs), strict=True):
        torch.testing.assert_close(output, again, rtol=0, atol=0)


@pytest.mark.parametrize("spot", SPOTS)
def test_weights_pass_to_another_instance(spot: Spot, make_case: MakeCase) -> None:
    case, other = make_case(spot), make_case(spot)
    other.component.load_state_dict(case.component.state_dict(), strict=True)
    case.component.eval()
    other.component.eval()
    inputs = case.inputs((64, 64))
    for output, again in zip(case.outputs(inputs), other.outputs(inputs), strict=True):
        torch.testing.assert_close(output, again, rtol=0, atol=0)


@pytest.mark.parametrize("spot", SPOTS)
def test_component_is_built_without_memory_on_the_meta_device(spot: Spot, make_case: MakeCase) -> None:
    with torch.device("meta"):
        case = make_case(spot)
    assert all(tensor.is_meta for tensor in case.component.state_dict().values())


def test_encoders_say_what_the_size_of_an_image_must_divide_by(make_case: MakeCase) -> None:
    for name in ENCODERS:
        encoder = make_case((Encoder, ENCODERS, name)).component
        assert all(encoder.size_multiple % level.stride == 0 for level in encoder.out.levels)

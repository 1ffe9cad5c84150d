"""Every component of every table keeps the promises of its family. A new line in a table is tested from here on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, TypeAlias

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from asking import one
from described import RASTERS, SOURCES
from groundwork.batch import Images
from groundwork.config.component import ComponentConfig
from groundwork.config.model import ModelConfig
from groundwork.errors import SpecError
from groundwork.models.assembly.encoder_decoder import EncoderDecoderFactory
from groundwork.models.assembly.extractor import build_encoder
from groundwork.models.decoders import DECODERS
from groundwork.models.decoders.base import Decoder
from groundwork.models.decoders.smp_models import SMP_MODELS
from groundwork.models.encoders import ENCODERS
from groundwork.models.encoders.base import Encoder
from groundwork.models.encoders.one_source import OneSourceEncoder
from groundwork.models.encoders.prithvi import swin
from groundwork.models.encoders.prithvi.swin import SwinVariant
from groundwork.models.encoders.torchgeo import croma
from groundwork.models.examples import example_images
from groundwork.models.heads import HEADS
from groundwork.models.heads.base import Decoded, Head
from groundwork.models.heads.scalar_sklearn import ScalarSklearnHead
from groundwork.models.heads.sklearn import SklearnHead
from groundwork.models.necks import NECKS
from groundwork.models.necks.auto import choose_necks
from groundwork.models.necks.base import Neck
from groundwork.models.without_memory import without_memory
from groundwork.registry import Table, build, find
from groundwork.specs import FeatureLevel, FeatureSpec, RasterSpec, TargetSpec

#: Options that have no default, or whose default is too large for a test.
OPTIONS: dict[str, dict[str, Any]] = {
    "per_source": {"necks": {"radar": [{"name": "pyramid"}]}},
    "pool_time": {"pooling": "attention"},
    "prithvi_vit": {"image_size": 64},
    "select": {"indices": [0, -1]},
    "smp": {"model": "Unet"},
}
#: The same of encoders, some of which share their names with decoders.
ENCODER_OPTIONS: dict[str, dict[str, Any]] = {
    "clay": {"variant": "clay_v1_5_tiny", "out_indices": [0]},
    "copernicus_fm": {"out_indices": [0]},
    "croma": {"out_indices": [0]},
    "dofa": {"variant": "small", "out_indices": [0, 1]},
    "galileo": {"coordinates": ["time", "location"], "keep_steps": True},
    "panopticon": {"out_indices": [0]},
    "per_date": {"encoder": {"name": "timm", "model": "test_resnet"}, "pooling": "keep"},
    "prithvi_vit_adapter": {"image_size": 64},
    "satmae": {"out_indices": [0]},
    "scale_mae": {"variant": "small", "out_indices": [0, 1]},
    "smp": {"model": "resnet18"},
    "stack_sources": {"encoder": {"name": "timm", "model": "test_resnet"}},
    "terramind": {
        "variant": "terramind_v1_tiny",
        "modalities": {"optical": "S2L2A", "radar": "S1GRD"},
        "merge": "none",
        "out_indices": [0, 1],
    },
    "timm": {"model": "test_resnet"},
    "torchgeo": {"model": "ResNet18_Weights.SENTINEL2_RGB_MOCO"},
}
PYRAMID = FeatureSpec(tuple(FeatureLevel(8 * (index + 1), 4 << index) for index in range(4)))
PLAIN = FeatureSpec((FeatureLevel(16, 16),) * 4)
#: What necks are given, where it is not a pyramid.
GIVEN = {
    "interpolate_pyramid": PLAIN,
    "maxpool_pyramid": FeatureSpec((FeatureLevel(16, 4),) * 4),
    "merge_sources": FeatureSpec(tuple(FeatureLevel(8, 8, source=source) for source in ("optical", "radar"))),
    "per_source": FeatureSpec(
        (FeatureLevel(8, 8, source="optical"), *(FeatureLevel(8, 16, source="radar"),) * 2),
    ),
    "pool_time": FeatureSpec((FeatureLevel(24, 16, steps=3),) * 2),
    "pyramid": PLAIN,
}
#: Channels of an encoder's global vector, and outputs of a head.
VECTOR, OUTPUTS = 12, 3
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


class OfTensors(nn.Module):
    """A head by itself, which takes a map and a vector."""

    def __init__(self, head: Head) -> None:
        super().__init__()
        self.head = head

    def forward(self, decoded: Tensor, vector: Tensor) -> Tensor:
        return self.head(Decoded(decoded, vector))


@dataclass
class Case:
    """A component, and what it is called with at a size of the image."""

    component: nn.Module
    given: FeatureSpec | dict[str, RasterSpec]

    @property
    def entry(self) -> nn.Module:
        """What takes tensors, or images."""
        return OfTensors(self.component) if isinstance(self.component, Head) else self.component

    def inputs(self, size: tuple[int, int]) -> tuple[Any, ...]:
        if isinstance(self.given, dict):
            return (_images_of(self.given, size),)
        maps = [_map_of(level, size) for level in self.given.levels]
        return (*maps, torch.randn(2, VECTOR)) if isinstance(self.component, Head) else (maps,)

    def outputs(self, inputs: tuple[Any, ...]) -> list[Tensor]:
        given = self.entry(*inputs)
        return [given] if isinstance(given, Tensor) else given

    def promised(self, size: tuple[int, int]) -> list[tuple[int, ...]]:
        out = self.component.out
        if out is None:
            return [(2, OUTPUTS)]
        levels = (out,) if isinstance(out, FeatureLevel) else out.levels
        return [(2, level.channels, size[0] // level.stride, size[1] // level.stride) for level in levels]


MakeCase: TypeAlias = Callable[[Spot], Case]


def _map_of(level: FeatureLevel, size: tuple[int, int]) -> Tensor:
    return torch.randn(2, level.channels, size[0] // level.stride, size[1] // level.stride)


def _images_of(inputs: Mapping[str, RasterSpec], size: tuple[int, int]) -> Images:
    """Two random images with dates and a place."""
    zeros = example_images(inputs, size)
    values = {source: torch.randn(2, *part.shape[1:]) for source, part in zeros.values.items()}
    dates = {source: torch.tensor([[[2021.0, 3.0]] * spec.steps] * 2) for source, spec in inputs.items()}
    return Images(values, dates=dates, location=torch.tensor([[47.0, 8.0]] * 2))


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """The published sizes would cost a minute; their names and numbers are tested where these encoders are."""
    monkeypatch.setitem(swin.VARIANTS, "b", SwinVariant(16, (1, 2, 4, 8), depths=(1, 1, 1, 1)))
    monkeypatch.setitem(croma.SIZES, "base", replace(croma.SIZES["base"], embed_dim=32, depth=4))


def _inputs_of(encoder: str, raster: RasterSpec) -> dict[str, RasterSpec]:
    is_alone = issubclass(find(ENCODERS, encoder), OneSourceEncoder)
    return one(RASTERS.get(encoder, raster)) if is_alone else SOURCES


@pytest.fixture
def make_case(raster: RasterSpec) -> MakeCase:
    def make(spot: Spot) -> Case:
        kind, table, name = spot
        wired: dict[type[nn.Module], tuple[Any, ...]] = {
            Encoder: (_inputs_of(name, raster) if kind is Encoder else {},),
            Neck: (GIVEN.get(name, PYRAMID),),
            Decoder: (PYRAMID,),
            Head: (FeatureSpec(PYRAMID.levels[:1], VECTOR), OUTPUTS),
        }
        options = OPTIONS | ENCODER_OPTIONS if kind is Encoder else OPTIONS
        config = ComponentConfig(name=name, **options.get(name, {}))
        component = build(kind, table, config, *wired[kind])
        if isinstance(component, SklearnHead | ScalarSklearnHead) and not component.estimator.mean.is_meta:
            rows = np.random.default_rng(0).normal(size=(60, PYRAMID.levels[0].channels))
            component.fit(rows, np.arange(60) % OUTPUTS)
        return Case(component, wired[kind][0])

    return make


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("spot", SPOTS)
def test_output_has_the_shapes_that_out_promises(spot: Spot, size: tuple[int, int], make_case: MakeCase) -> None:
    case = make_case(spot)
    case.component.eval()
    shapes = [tuple(output.shape) for output in case.outputs(case.inputs(size))]
    assert shapes == case.promised(size)


@pytest.mark.parametrize("spot", SPOTS)
def test_gradient_reaches_every_parameter(spot: Spot, make_case: MakeCase) -> None:
    case = make_case(spot)
    case.component.train()
    for parameter in case.component.parameters():
        # Some networks start with branches that are switched off by a zero, for which gradients wait one step.
        if not parameter.any():
            nn.init.normal_(parameter, std=0.1)
    outputs = case.outputs(case.inputs((64, 64)))
    if list(case.component.parameters()):
        # Random weights: the plain sum of a normalised map is constant.
        sum((output * torch.randn_like(output)).sum() for output in outputs).backward()
    for key, parameter in case.component.named_parameters():
        if not parameter.requires_grad:
            continue
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


@pytest.mark.parametrize("spot", SPOTS)
def test_component_exports(spot: Spot, make_case: MakeCase) -> None:
    case = make_case(spot)
    case.component.eval()
    inputs = case.inputs((64, 96))
    exported = Case(torch.export.export(case.entry, inputs).module(), case.given)
    for output, again in zip(case.outputs(inputs), exported.outputs(inputs), strict=True):
        torch.testing.assert_close(output, again)


@pytest.mark.parametrize("spot", [spot for spot in SPOTS if spot.values[0][0] is Encoder])
def test_encoders_say_what_the_size_of_an_image_must_divide_by(spot: Spot, make_case: MakeCase) -> None:
    encoder = make_case(spot).component
    assert all(encoder.size_multiple % level.stride == 0 for level in encoder.out.levels)


@pytest.mark.parametrize("spot", [spot for spot in SPOTS if spot.values[0][0] is Encoder])
def test_models_take_any_size(spot: Spot, make_case: MakeCase, target: TargetSpec) -> None:
    name = spot[2]
    inputs = make_case(spot).given
    config = ModelConfig.model_validate(
        {
            "encoder": {"name": name, **(OPTIONS | ENCODER_OPTIONS).get(name, {})},
            "necks": "auto",
            "decoder": {"name": "fcn", "channels": 8},
        }
    )
    model = EncoderDecoderFactory().build_model(config, inputs, target).train()
    output = model(_images_of(inputs, (37, 51))).output
    assert output.shape == (2, 2, 37, 51)
    output.sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.decoder.parameters())


@cache
def features_of(name: str) -> FeatureSpec:
    """What an encoder gives, asked on the meta device."""
    options = (OPTIONS | ENCODER_OPTIONS).get(name, {})
    config = ModelConfig.model_validate({"encoder": {"name": name, **options}})
    inputs = _inputs_of(name, RasterSpec(bands=["RED", "GREEN", "BLUE"], dtype="int16", nodata=-1))
    with without_memory():
        return build_encoder(config, inputs).out


#: Every decoder; those of smp each by themselves.
DECODERS_BY_ID: dict[str, dict[str, Any]] = {name: {"name": name} for name in DECODERS if name != "smp"} | {
    model: {"name": "smp", "model": model} for model in SMP_MODELS
}


#: Pairs that do not fit, and what the refusal says: embeddings of three channels at full resolution are no pyramid.
UNFIT = {("identity", model): "no neck makes these fit" for model in ("DPT", "Linknet", "UnetPlusPlus")}
UNFIT["identity", "PSPNet"] = "'project'"


@pytest.mark.parametrize("decoder", DECODERS_BY_ID)
@pytest.mark.parametrize("encoder", list(ENCODERS))
def test_every_encoder_goes_with_every_decoder(encoder: str, decoder: str) -> None:
    config = ComponentConfig.model_validate(DECODERS_BY_ID[decoder])
    kind = find(DECODERS, config.name)
    assert issubclass(kind, Decoder)

    def wire() -> Decoder:
        features = features_of(encoder)
        for neck in choose_necks(features, kind.needs(config.options)):
            features = build(Neck, NECKS, neck, features).out
        return build(Decoder, DECODERS, config, features)

    with without_memory():
        if (encoder, decoder) in UNFIT:
            with pytest.raises(SpecError, match=UNFIT[encoder, decoder]):
                wire()
        else:
            assert wire().out.channels > 0

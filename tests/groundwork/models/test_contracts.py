"""Every component of every table keeps the promises of its family. A new line in a table is tested from here on."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeAlias

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from groundwork.config.component import ComponentConfig
from groundwork.config.model import ModelConfig
from groundwork.models.assembly.encoder_decoder import EncoderDecoderFactory
from groundwork.models.assembly.extractor import build_encoder
from groundwork.models.decoders import DECODERS
from groundwork.models.decoders.base import Decoder
from groundwork.models.decoders.smp_models import SMP_MODELS
from groundwork.models.encoders import ENCODERS, prithvi_swin
from groundwork.models.encoders.base import Encoder
from groundwork.models.encoders.prithvi.swin import SwinVariant
from groundwork.models.encoders.wrappers.sources import JointEncoder
from groundwork.models.flow import example_inputs
from groundwork.models.heads import HEADS
from groundwork.models.heads.base import Head, ScalarHead
from groundwork.models.heads.scalar_sklearn import ScalarSklearnHead
from groundwork.models.heads.sklearn import SklearnHead
from groundwork.models.necks import NECKS
from groundwork.models.necks.base import Neck
from groundwork.models.necks.mending import mend
from groundwork.registry import Table, build, find
from groundwork.specs import BandSpec, FeatureLevel, FeatureSpec, RasterSpec, SpecError, TargetSpec

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
    "dofa": {"model": "small", "out_indices": [0, 1]},
    "galileo": {"coordinates": ["time", "location"], "keep_steps": True},
    "panopticon": {"out_indices": [0]},
    "per_date": {"encoder": {"name": "timm", "model": "test_resnet"}, "pooling": "keep"},
    "prithvi_vit_adapter": {"image_size": 64},
    "satmae": {"out_indices": [0]},
    "scale_mae": {"model": "small", "out_indices": [0, 1]},
    "smp": {"model": "resnet18"},
    "terramind": {
        "variant": "terramind_v1_tiny",
        "modalities": {"optical": "S2L2A", "radar": "S1GRD"},
        "merge": "none",
        "out_indices": [0, 1],
    },
    "timm": {"model": "test_resnet"},
    "torchgeo": {"model": "ResNet18_Weights.SENTINEL2_RGB_MOCO"},
}
#: Bands whose wavelengths, polarisations and pixel size are known.
DESCRIBED = RasterSpec(
    bands=(BandSpec(name="RED", wavelength_nm=665), BandSpec(name="BLUE", wavelength_nm=490), BandSpec(name="VV")),
    dtype="int16",
    nodata=-1,
    pixel_size_m=10,
)
#: What encoders are given that must know more of the rasters than how many bands there are.
RASTERS = dict.fromkeys(["clay", "copernicus_fm", "croma", "dofa", "panopticon", "scale_mae"], DESCRIBED)
RASTERS["satmae"] = RasterSpec(bands=["RED", "NIR_NARROW"], dtype="int16", nodata=-1)
RASTERS["per_date"] = RasterSpec(bands=["RED", "BLUE"], dtype="int16", nodata=-1, steps=2, layout="steps_first")
#: What encoders are given that see several sources.
SOURCES = {
    "optical": RasterSpec(bands=["RED", "BLUE"], dtype="int16", nodata=-1),
    "radar": RasterSpec(bands=["VV", "VH"], dtype="float32", nodata=None),
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
    (Encoder, {name: path for name, path in ENCODERS.items() if issubclass(find(ENCODERS, name), Encoder)}),
    (JointEncoder, {name: path for name, path in ENCODERS.items() if issubclass(find(ENCODERS, name), JointEncoder)}),
    (Neck, NECKS),
    (Decoder, DECODERS),
    (Head, {name: path for name, path in HEADS.items() if issubclass(find(HEADS, name), Head)}),
    (ScalarHead, {name: path for name, path in HEADS.items() if issubclass(find(HEADS, name), ScalarHead)}),
]
SPOTS = [pytest.param((kind, table, name), id=name) for kind, table in FAMILIES for name in table]


#: Family, its table, and a name in it.
Spot: TypeAlias = tuple[type[nn.Module], Table, str]


@dataclass
class Case:
    """A component, and what it is called with at a size of the image."""

    component: nn.Module
    given: FeatureSpec | FeatureLevel | RasterSpec | dict[str, RasterSpec]

    def inputs(self, size: tuple[int, int]) -> tuple[Any, ...]:
        if isinstance(self.given, dict):
            images = {source: torch.randn(2, spec.num_channels, *size) for source, spec in self.given.items()}
            return images, torch.tensor([[[2021.0, 3.0]]] * 2), torch.tensor([[47.0, 8.0]] * 2)
        if isinstance(self.given, RasterSpec):
            steps = self.given.steps
            image = torch.randn(2, self.given.num_channels, *((steps,) if steps > 1 else ()), *size)
            return image, torch.tensor([[[2021.0, 3.0]] * steps] * 2), torch.tensor([[47.0, 8.0]] * 2)
        if isinstance(self.component, ScalarHead) and isinstance(self.given, FeatureLevel):
            return _map_of(self.given, size), torch.randn(2, VECTOR)
        if isinstance(self.given, FeatureLevel):
            return (_map_of(self.given, size),)
        return ([_map_of(level, size) for level in self.given.levels],)

    def outputs(self, inputs: tuple[Any, ...]) -> list[Tensor]:
        given = self.component(*inputs)
        return [given] if isinstance(given, Tensor) else given

    def promised(self, size: tuple[int, int]) -> list[tuple[int, ...]]:
        if isinstance(self.component, ScalarHead):
            return [(2, OUTPUTS)]
        out = self.component.out
        levels = (out,) if isinstance(out, FeatureLevel) else out.levels
        return [(2, level.channels, size[0] // level.stride, size[1] // level.stride) for level in levels]


MakeCase: TypeAlias = Callable[[Spot], Case]


def _map_of(level: FeatureLevel, size: tuple[int, int]) -> Tensor:
    return torch.randn(2, level.channels, size[0] // level.stride, size[1] // level.stride)


@pytest.fixture(autouse=True)
def _small_swin(monkeypatch: pytest.MonkeyPatch) -> None:
    """The published sizes would cost a minute; their names and numbers are tested where Prithvi's Swin is."""
    monkeypatch.setitem(prithvi_swin.VARIANTS, "b", SwinVariant(16, (1, 2, 4, 8), depths=(1, 1, 1, 1)))


@pytest.fixture
def make_case(raster: RasterSpec) -> MakeCase:
    def make(spot: Spot) -> Case:
        kind, table, name = spot
        wired: dict[type[nn.Module], tuple[Any, ...]] = {
            Encoder: (RASTERS.get(name, raster),),
            JointEncoder: (SOURCES,),
            Neck: (GIVEN.get(name, PYRAMID),),
            Decoder: (PYRAMID,),
            Head: (PYRAMID.levels[0], OUTPUTS),
            ScalarHead: (PYRAMID.levels[0], VECTOR, OUTPUTS),
        }
        options = OPTIONS | ENCODER_OPTIONS if kind in {Encoder, JointEncoder} else OPTIONS
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
    exported = Case(torch.export.export(case.component, inputs).module(), case.given)
    for output, again in zip(case.outputs(inputs), exported.outputs(inputs), strict=True):
        torch.testing.assert_close(output, again)


@pytest.mark.parametrize("spot", [spot for spot in SPOTS if spot.values[0][0] in {Encoder, JointEncoder}])
def test_encoders_say_what_the_size_of_an_image_must_divide_by(spot: Spot, make_case: MakeCase) -> None:
    encoder = make_case(spot).component
    assert all(encoder.size_multiple % level.stride == 0 for level in encoder.out.levels)


@pytest.mark.parametrize("spot", [spot for spot in SPOTS if spot.values[0][0] in {Encoder, JointEncoder}])
def test_models_take_any_size(spot: Spot, make_case: MakeCase, target: TargetSpec) -> None:
    name = spot[2]
    given = make_case(spot).given
    config = ModelConfig.model_validate(
        {
            "encoder": {"name": name, **(OPTIONS | ENCODER_OPTIONS).get(name, {})},
            "necks": "auto",
            "decoder": {"name": "fcn", "channels": 8},
        }
    )
    inputs = given if isinstance(given, dict) else {"optical": given}
    model = EncoderDecoderFactory().build_model(config, inputs, target).train()
    image, times, place = example_inputs(inputs, (37, 51))
    images = {key: torch.randn(2, *part.shape[1:]) for key, part in image.items()} if isinstance(image, dict) else None
    output = model(
        images or torch.randn(2, *image.shape[1:]), None, times.expand(2, -1, -1), place.expand(2, -1)
    ).output
    assert output.shape == (2, 2, 37, 51)
    output.sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.decoder.parameters())


@cache
def features_of(name: str) -> FeatureSpec:
    """What an encoder gives, asked on the meta device."""
    options = (OPTIONS | ENCODER_OPTIONS).get(name, {})
    config = ModelConfig.model_validate({"encoder": {"name": name, **options}})
    given = RASTERS.get(name, RasterSpec(bands=["RED", "GREEN", "BLUE"], dtype="int16", nodata=-1))
    joint = issubclass(find(ENCODERS, name), JointEncoder)
    with torch.device("meta"):
        return build_encoder(config, SOURCES if joint else {"optical": given}).out


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
        for neck in mend(features, kind.needs(config.options)):
            features = build(Neck, NECKS, neck, features).out
        return build(Decoder, DECODERS, config, features)

    with torch.device("meta"):
        if (encoder, decoder) in UNFIT:
            with pytest.raises(SpecError, match=UNFIT[encoder, decoder]):
                wire()
        else:
            assert wire().out.channels > 0

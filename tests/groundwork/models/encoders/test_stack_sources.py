"""An encoder of one source sees the bands of several as one image."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from asking import ask, encode
from groundwork.config.component import ComponentConfig
from groundwork.config.model import ModelConfig
from groundwork.errors import ComponentError, SpecError
from groundwork.models.assembly.encoder_decoder import EncoderDecoderFactory
from groundwork.models.encoders import ENCODERS
from groundwork.models.encoders.timm.encoder import TimmEncoder
from groundwork.models.encoders.wrappers.stack_sources import StackSourcesEncoder
from groundwork.models.expectations import check_expectations, statistics_of
from groundwork.registry import build
from groundwork.specs import RasterSpec, TargetSpec

MakeRaster = Callable[..., RasterSpec]
RESNET = {"name": "timm", "model": "test_resnet", "out_indices": [2, 3]}


def raster(names: list[Any], **more: Any) -> RasterSpec:
    return RasterSpec.model_validate({"bands": names, "dtype": "uint16", "nodata": 0} | more)


@pytest.fixture
def inputs() -> dict[str, RasterSpec]:
    return {
        "dem": raster(["DEM"], dtype="int16", resampling="bilinear"),
        "s1": raster(["VV", "VH"], dtype="float32", nodata="nan", resampling="bilinear", optional=True),
        "s2": raster(["BLUE", "GREEN", "RED"], reference=True),
    }


@pytest.fixture
def images() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return {"dem": torch.randn(2, 1, 64, 96), "s1": torch.randn(2, 2, 64, 96), "s2": torch.randn(2, 3, 64, 96)}


def make(inputs: dict[str, RasterSpec], **options: Any) -> StackSourcesEncoder:
    config = ComponentConfig(name="stack_sources", **({"encoder": RESNET} | options))
    return build(StackSourcesEncoder, ENCODERS, config, inputs).eval()


@pytest.mark.parametrize(("order", "expected"), [((), ("dem", "s1", "s2")), (("s2", "s1", "dem"), ("s2", "s1", "dem"))])
def test_bands_lie_behind_one_another(
    inputs: dict[str, RasterSpec], images: dict[str, torch.Tensor], order: tuple[str, ...], expected: tuple[str, ...]
) -> None:
    encoder = make(inputs, order=list(order))
    bands = [band.name for source in expected for band in inputs[source].used]
    alone = build(TimmEncoder, ENCODERS, ComponentConfig(**RESNET), {"all": raster(bands)}).eval()
    alone.load_state_dict(encoder.encoder.state_dict())
    given = encode(encoder, images)
    wanted = encode(alone, {"all": torch.cat([images[source] for source in expected], dim=1)})
    assert len(given) == len(wanted) == 2
    for one, other in zip(given, wanted, strict=True):
        torch.testing.assert_close(one, other)
    assert encoder.out == alone.out


def test_each_source_changes_what_is_said(inputs: dict[str, RasterSpec], images: dict[str, torch.Tensor]) -> None:
    encoder = make(inputs)
    before = encode(encoder, images)[0]
    for source in inputs:
        changed = encode(encoder, images | {source: images[source] + 1})[0]
        assert (changed - before).abs().max() > 1e-4


def test_dates_are_those_of_the_reference() -> None:
    both = {
        "a_other": raster(["VV"], steps=2, layout="steps_first", resampling="bilinear"),
        "s2": raster(["BLUE", "GREEN"], steps=2, layout="steps_first", reference=True),
    }
    inner = {"name": "prithvi_vit", "coordinates": ["time"], "out_indices": [1], "image_size": 32}
    encoder = make(both, encoder=inner)
    images = {"a_other": torch.zeros(1, 1, 2, 32, 32), "s2": torch.zeros(1, 2, 2, 32, 32)}
    days = torch.tensor([[[2024.0, 10.0], [2024.0, 200.0]]])
    given = encode(encoder, images, {"s2": days, "a_other": days + 90})[0]
    same = encode(encoder, images, {"s2": days, "a_other": days})[0]
    other = encode(encoder, images, {"s2": days + 90, "a_other": days})[0]
    torch.testing.assert_close(given, same)
    assert (given - other).abs().max() > 1e-4


def test_weights_say_of_each_source_what_they_know_of_its_bands(inputs: dict[str, RasterSpec]) -> None:
    encoder = make(inputs, encoder={"name": "prithvi_vit", "out_indices": [0], "image_size": 32})
    assert encoder.info["s2"].unit == "reflectance"
    check_expectations(encoder.info["s2"], inputs["s2"], ())
    with pytest.raises(SpecError, match=r"never saw the bands \['VV', 'VH'\]"):
        check_expectations(encoder.info["s1"], inputs["s1"], ())
    # Of radar they know neither unit nor size of pixels, so that nothing but the bands has to be accepted.
    decibels = raster([{"name": "VV", "unit": "dB"}], dtype="float32", pixel_size_m=10)
    check_expectations(encoder.info["s1"], decibels, ("bands",))
    with pytest.raises(SpecError, match="take 'from_data'"):
        statistics_of(encoder.info["s1"], inputs["s1"])


def test_a_whole_model_predicts_and_standardises_each_source(
    inputs: dict[str, RasterSpec], images: dict[str, torch.Tensor], target: TargetSpec
) -> None:
    config = ModelConfig.model_validate(
        {"encoder": {"name": "stack_sources", "encoder": RESNET}, "decoder": {"name": "unet", "channels": [8]}}
    )
    model = EncoderDecoderFactory().build_model(config, inputs, target).eval()
    for source, spec in inputs.items():
        count = len(spec.used)
        model.set_statistics([5.0] * count, [2.0] * count, source)
    assert ask(model, images).output.shape == (2, 2, 64, 96)
    shifted = {source: values * 2 + 5 for source, values in images.items()}
    plain = EncoderDecoderFactory().build_model(config, inputs, target).eval()
    plain.load_state_dict({name: value for name, value in model.state_dict().items()})
    for source, spec in inputs.items():
        plain.set_statistics([0.0] * len(spec.used), [1.0] * len(spec.used), source)
    torch.testing.assert_close(ask(model, shifted).output, ask(plain, images).output, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(
    ("change", "options", "error", "match"),
    [
        ({"s1": None, "dem": None}, {}, SpecError, "there is one: .*Name 'timm' itself"),
        ({}, {"order": ["s2", "s1"]}, ComponentError, "each source once"),
        ({}, {"order": ["s2", "s1", "dm"]}, ComponentError, "Did you mean 'dem'"),
        ({"s1": raster(["RED"])}, {}, SpecError, "share some: {'RED': \\['s1', 's2'\\]}"),
        ({"s1": raster(["VV"], steps=2, layout="steps_first")}, {}, SpecError, "as many time steps"),
    ],
)
def test_what_cannot_be_stacked_is_refused(
    inputs: dict[str, RasterSpec], change: dict[str, Any], options: dict[str, Any], error: type[Exception], match: str
) -> None:
    changed = {source: spec for source, spec in (inputs | change).items() if spec is not None}
    with pytest.raises(error, match=match):
        make(changed, **options)

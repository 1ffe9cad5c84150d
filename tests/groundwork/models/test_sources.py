"""Several sources: each with its own encoder, or one that all share."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from groundwork.config.model import ModelConfig
from groundwork.models.encoder_decoder import EncoderDecoderFactory
from groundwork.models.pixelwise import PixelWiseModel
from groundwork.models.standardise import StandardiseSources
from groundwork.registry import ComponentError
from groundwork.specs import RasterSpec, SpecError, TargetSpec

RESNET = {"name": "timm", "model": "test_resnet"}


def raster(num_bands: int) -> RasterSpec:
    return RasterSpec(bands=[f"B{index}" for index in range(num_bands)], dtype="int16", nodata=None)


SOURCES = {"optical": raster(3), "radar": raster(2)}


def build(target: TargetSpec, inputs: dict[str, RasterSpec] | None = None, **words: Any) -> PixelWiseModel:
    plain: dict[str, Any] = {"necks": [{"name": "merge_sources"}], "decoder": {"name": "fcn", "channels": 8}}
    config = ModelConfig.model_validate(plain | words)
    model = EncoderDecoderFactory().build_model(config, inputs or SOURCES, target)
    assert isinstance(model, PixelWiseModel)
    return model


def images(side: int = 37) -> dict[str, torch.Tensor]:
    return {name: torch.randn(2, spec.num_channels, side, side + 5) for name, spec in SOURCES.items()}


def test_each_source_has_its_own_encoder_and_statistics(target: TargetSpec) -> None:
    model = build(target, encoders={"optical": RESNET, "radar": RESNET}).eval()
    given = images()
    before = model(given).output
    assert before.shape == (2, 2, 37, 42)
    changed = {**given, "radar": given["radar"] + 1}
    assert not torch.allclose(model(changed).output, before)
    model.set_statistics([1.0, 1.0], [1.0, 1.0], "radar")
    torch.testing.assert_close(model(changed).output, before, atol=1e-5, rtol=1e-4)
    with pytest.raises(ValueError, match=r"'source' must be one of \['optical', 'radar'\], found None"):
        model.set_statistics([1.0], [1.0])


def test_order_of_the_dict_does_not_matter(target: TargetSpec) -> None:
    model = build(target, encoders={"radar": RESNET, "optical": RESNET}).eval()
    given = images()
    torch.testing.assert_close(model(dict(reversed(given.items()))).output, model(given).output)


def test_one_encoder_is_shared_by_sources_alike(target: TargetSpec) -> None:
    inputs = {"before": raster(3), "after": raster(3)}
    model = build(target, inputs, encoder=RESNET)
    assert len(model.encoder.encoders) == 1
    given = {name: torch.randn(1, 3, 32, 32) for name in inputs}
    output = model.eval()(given).output
    swapped = {"before": given["after"], "after": given["before"]}
    assert not torch.allclose(model(swapped).output, output)


def test_each_source_has_its_own_validity() -> None:
    module = StandardiseSources({"a": 1, "b": 1})
    given = {"a": torch.ones(1, 1, 1, 2), "b": torch.ones(1, 1, 1, 2)}
    one = torch.tensor([[[True, False]]])
    assert module(given, one)["b"].flatten().tolist() == [1.0, 0.0]
    apart = module(given, {"a": one})
    assert (apart["a"].flatten().tolist(), apart["b"].flatten().tolist()) == ([1.0, 0.0], [1.0, 1.0])


@pytest.mark.parametrize(
    ("words", "error", "message"),
    [
        ({"encoder": RESNET}, SpecError, "cannot share 'timm', as they differ in bands or steps"),
        ({"encoders": {"optical": RESNET}}, ComponentError, r"names \['optical'\], data.sources has \['optical', 'rad"),
        ({}, ComponentError, "needs an 'encoder', or 'encoders'"),
        ({"encoders": {"optical": RESNET, "radar": RESNET}, "necks": []}, SpecError, "Put a 'merge_sources' neck"),
    ],
)
def test_what_does_not_fit_is_refused(
    target: TargetSpec, words: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        build(target, **words)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"optical": torch.zeros(1, 3, 8, 8)}, r"sees the sources \['optical', 'radar'\].*given \['optical'\]"),
        (torch.zeros(1, 3, 8, 8), "it was given one tensor"),
        ({"optical": torch.zeros(1, 3, 8, 8), "radar": torch.zeros(1, 2, 8, 4)}, "one height and width"),
        ({"optical": torch.zeros(1, 3, 8, 8), "radar": torch.zeros(1, 3, 8, 8)}, r"built for \(batch, 2, height, wi"),
    ],
)
def test_wrong_images_are_named(target: TargetSpec, given: Any, message: str) -> None:
    model = build(target, encoders={"optical": RESNET, "radar": RESNET})
    with pytest.raises(ValueError, match=message):
        model(given)

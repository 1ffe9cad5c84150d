"""An encoder of one date sees several."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from asking import encode, one
from groundwork.batch import Image, Images
from groundwork.config.model import ModelConfig
from groundwork.errors import ComponentError, SpecError
from groundwork.models.assembly.encoder_decoder import EncoderDecoderFactory
from groundwork.models.encoders.prithvi.vit import PrithviViT
from groundwork.models.encoders.wrappers.per_date import PerDateEncoder
from groundwork.specs import FeatureLevel, RasterSpec, TargetSpec

MakeRaster = Callable[..., RasterSpec]
RESNET = {"name": "timm", "model": "test_resnet", "out_indices": [2, 3]}


def build(inputs: RasterSpec, **options: Any) -> PerDateEncoder:
    from groundwork.config.component import ComponentConfig
    from groundwork.models.encoders import ENCODERS
    from groundwork.registry import build as build_component

    config = ComponentConfig(name="per_date", **({"encoder": RESNET} | options))
    made = build_component(PerDateEncoder, ENCODERS, config, one(inputs))
    return made.eval()


@pytest.fixture
def image() -> torch.Tensor:
    return torch.randn(2, 3, 4, 64, 96)


def of_steps(encoder: PerDateEncoder, image: torch.Tensor) -> torch.Tensor:
    """What the inner encoder gives for each step, (steps, batch, channels, height, width), first level."""
    return torch.stack([encode(encoder.encoder, image[:, :, step])[0] for step in range(image.shape[2])])


@pytest.mark.parametrize(
    ("pooling", "join"),
    [
        ("mean", lambda steps: steps.mean(0)),
        ("max", lambda steps: steps.amax(0)),
        ("difference", lambda steps: steps[-1] - steps[0]),
        ("first_less_last", lambda steps: steps[0] - steps[-1]),
        ("concat", lambda steps: torch.cat(list(steps), 1)),
        ("keep", lambda steps: torch.cat(list(steps), 1)),
    ],
)
def test_steps_are_joined(make_raster: MakeRaster, image: torch.Tensor, pooling: str, join: Any) -> None:
    encoder = build(make_raster(3, steps=4), pooling=pooling)
    given = encode(encoder, image)[0]
    torch.testing.assert_close(given, join(of_steps(encoder, image)), atol=1e-5, rtol=1e-4)
    factor = 4 if pooling in {"concat", "keep"} else 1
    assert encoder.out.levels[0] == FeatureLevel(48 * factor, 8, steps=4 if pooling == "keep" else 1)


def test_subsets_are_joined_by_themselves(make_raster: MakeRaster, image: torch.Tensor) -> None:
    encoder = build(make_raster(3, steps=4), pooling="mean", subsets=[[0, 1], [3]])
    steps = of_steps(encoder, image)
    expected = torch.cat([steps[:2].mean(0), steps[3]], 1)
    torch.testing.assert_close(encode(encoder, image)[0], expected, atol=1e-5, rtol=1e-4)
    assert encoder.out.levels[0].channels == 96


@pytest.mark.parametrize("pooling", ["mean", "max"])
def test_cells_are_pooled_over_the_steps_that_hold_data_there(
    make_raster: MakeRaster, image: torch.Tensor, pooling: str
) -> None:
    encoder = build(make_raster(3, steps=4), pooling=pooling)
    valid = torch.ones(2, 4, 64, 96, dtype=torch.bool)
    # Step 2 of the first image holds no data, step 0 not in the left half of the first column of cells, and one cell
    # of the second image in no step.
    valid[0, 2], valid[0, 0, :, :4], valid[1, :, :8, :8] = False, False, False
    steps = of_steps(encoder, image)
    given = encoder.encode(Image(image, valid))[0]

    def joined(parts: torch.Tensor, weights: list[float]) -> torch.Tensor:
        if pooling == "max":
            return parts.amax(0)
        return sum(weight * part for weight, part in zip(weights, parts, strict=True)) / sum(weights)

    expected = joined(steps, [1, 1, 1, 1])
    expected[0] = joined(steps[[0, 1, 3], 0], [1, 1, 1])
    expected[0, :, :, :1] = joined(steps[[0, 1, 3], 0, :, :, :1], [0.5, 1, 1])
    torch.testing.assert_close(given, expected, atol=1e-5, rtol=1e-4)
    subsets = build(make_raster(3, steps=4), pooling=pooling, subsets=[[2, 3], [1]])
    subsets.load_state_dict(encoder.state_dict())
    apart = subsets.encode(Image(image, valid))[0][0]
    torch.testing.assert_close(apart, torch.cat([steps[3, 0], steps[1, 0]]), atol=1e-5, rtol=1e-4)


def test_masks_of_ones_change_no_bit_and_masked_false_heeds_none(make_raster: MakeRaster, image: torch.Tensor) -> None:
    for options in ({}, {"pooling": "max"}, {"masked": False}):
        encoder = build(make_raster(3, steps=4), **options)
        plain = encode(encoder, image)
        everywhere = torch.ones(2, 4, 64, 96, dtype=torch.bool)
        for level, again in zip(plain, encoder.encode(Image(image, everywhere)), strict=True):
            assert torch.equal(level, again)
        some = everywhere.clone()
        some[0, 1] = False
        same = torch.equal(plain[0], encoder.encode(Image(image, some))[0])
        assert same == ("masked" in options)


@pytest.mark.parametrize("size", [(64, 96), (37, 51)])
def test_a_model_does_not_see_what_a_step_without_data_holds(
    make_raster: MakeRaster, target: TargetSpec, size: tuple[int, int]
) -> None:
    inputs = one(make_raster(3, steps=3).model_copy(update={"validity_per_step": True}))
    encoder = {"name": "per_date", "encoder": RESNET}
    config = ModelConfig.model_validate({"encoder": encoder, "decoder": {"name": "fcn", "channels": 8}})
    model = EncoderDecoderFactory().build_model(config, inputs, target).eval()
    source = next(iter(inputs))
    values, valid = torch.randn(2, 3, 3, *size), torch.ones(2, 3, *size, dtype=torch.bool)
    valid[:, 1] = False
    steps = [model.encoder.encoder(Images({source: model.pad(values[:, :, step])}))[-1] for step in (0, 2)]
    features = model.extract(model.prepare(Images({source: values}, {source: valid}))).maps[-1]
    torch.testing.assert_close(features, (steps[0] + steps[1]) / 2, atol=1e-5, rtol=1e-4)
    exported = torch.export.export(model, (Images({source: values}, {source: valid}),)).module()
    given = Images({source: values}, {source: valid})
    torch.testing.assert_close(exported(given).output, model(given).output, atol=1e-5, rtol=1e-4)


def test_of_two_sources_each_heeds_its_own_dates_without_data(make_raster: MakeRaster, target: TargetSpec) -> None:
    rasters = {name: make_raster(3, steps=2) for name in ("first", "second")}
    encoder = {"name": "per_date", "encoder": RESNET}
    config = ModelConfig.model_validate(
        {
            "encoders": dict.fromkeys(rasters, encoder),
            "necks": [{"name": "merge_sources"}],
            "decoder": {"name": "fcn", "channels": 8},
        }
    )
    model = EncoderDecoderFactory().build_model(config, rasters, target).eval()
    values = {name: torch.randn(1, 3, 2, 64, 64) for name in rasters}
    valid = torch.ones(1, 2, 64, 64, dtype=torch.bool)
    valid[:, 1] = False
    given = model.encoder(model.prepare(Images(values, {"second": valid})).images)
    plain = model.encoder(model.prepare(Images(values)).images)
    levels = len(given) // 2
    assert all(torch.equal(level, same) for level, same in zip(given[:levels], plain[:levels], strict=True))
    alone = model.encoder.encoders["second"].encoder(Images({"second": values["second"][:, :, 0]}))
    for level, expected in zip(given[levels:], alone, strict=True):
        torch.testing.assert_close(level, expected, atol=1e-5, rtol=1e-4)


def test_each_step_is_told_its_own_date_and_the_place(make_raster: MakeRaster) -> None:
    inner = {"name": "prithvi_vit", "coordinates": ["time", "location"], "out_indices": [1], "image_size": 64}
    encoder = build(make_raster(3, steps=2), encoder=inner, pooling="concat")
    assert encoder.coordinates == {"time", "location"}
    image, dates = torch.randn(2, 3, 2, 32, 32), torch.tensor([[[2020.0, 5.0], [2021.0, 200.0]]] * 2)
    places = torch.tensor([[47.0, 8.0], [10.0, 20.0]])
    assert isinstance(encoder.encoder, PrithviViT)
    alone = [encode(encoder.encoder, image[:, :, step], dates[:, step : step + 1], places)[0] for step in range(2)]
    torch.testing.assert_close(encode(encoder, image, dates, places)[0], torch.cat(alone, 1), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(
    ("options", "steps", "error", "message"),
    [
        ({}, 1, SpecError, "joins several time steps, the rasters hold one"),
        ({"subsets": [[0, 4]]}, 4, ComponentError, r"steps from 0 to 3, found \[0, 4\]"),
        ({"subsets": [[]]}, 4, ComponentError, "found \\[\\]"),
        ({"pooling": "difference", "subsets": [[2]]}, 4, ComponentError, "at least two steps"),
        ({"pooling": "median"}, 4, ComponentError, "pooling"),
        ({"encoder": RESNET | {"modle": "x"}}, 4, ComponentError, "no option 'modle'. Did you mean 'model'"),
    ],
)
def test_mistakes_are_named(
    make_raster: MakeRaster, options: dict[str, Any], steps: int, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        build(make_raster(3, steps=steps), **options)

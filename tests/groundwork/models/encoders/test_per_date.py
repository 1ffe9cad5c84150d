"""An encoder of one date sees several."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from asking import encode, one
from groundwork.errors import ComponentError, SpecError
from groundwork.models.encoders.prithvi.vit import PrithviViT
from groundwork.models.encoders.wrappers.per_date import PerDateEncoder
from groundwork.specs import FeatureLevel, RasterSpec

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

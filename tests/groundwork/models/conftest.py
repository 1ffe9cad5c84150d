"""What the tests of the models share: specs, and configurations in the words of the YAML."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch

from asking import one
from groundwork.config.model import ModelConfig
from groundwork.models.assembly.encoder_decoder import EncoderDecoderFactory, EncoderDecoderModel
from groundwork.specs import BandSpec, ClassSpec, RasterSpec, TargetSpec


def _raster(num_bands: int = 3, steps: int = 1) -> RasterSpec:
    bands = tuple(BandSpec(name=f"B{index}") for index in range(num_bands))
    layout = "steps_first" if steps > 1 else None
    return RasterSpec(bands=bands, dtype="int16", nodata=-1, steps=steps, layout=layout)


@pytest.fixture(autouse=True)
def _seeded() -> Iterator[None]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


@pytest.fixture
def raster() -> RasterSpec:
    return _raster()


@pytest.fixture
def make_raster() -> Callable[..., RasterSpec]:
    return _raster


@pytest.fixture
def target() -> TargetSpec:
    return TargetSpec(
        classes=(ClassSpec(value=0, name="land", color="#00ff00"), ClassSpec(value=1, name="water", color="#0000ff"))
    )


@pytest.fixture
def make_model(raster: RasterSpec, target: TargetSpec) -> Callable[..., EncoderDecoderModel]:
    """Build a model from the YAML's words; by default the smallest convolutional one."""

    def make(inputs: RasterSpec | None = None, **changes: Any) -> EncoderDecoderModel:
        words: dict[str, Any] = {
            "encoder": {"name": "timm", "model": "test_resnet"},
            "decoder": {"name": "unet", "channels": [16, 16, 8, 8]},
        }
        config = ModelConfig.model_validate(words | changes)
        return EncoderDecoderFactory().build_model(config, one(inputs or raster), target)

    return make

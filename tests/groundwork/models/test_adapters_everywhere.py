"""Adapters on any encoder: they act in evaluation as in training, merge, and every one of them learns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from asking import one
from described import RASTERS, SOURCES
from groundwork.batch import Image, Images
from groundwork.config.component import ComponentConfig
from groundwork.config.model import AdapterConfig
from groundwork.errors import ComponentError
from groundwork.models.adaptable import choose_modules
from groundwork.models.adapters import add_adapters, merge_adapters
from groundwork.models.encoders import ENCODERS
from groundwork.models.encoders.base import Encoder
from groundwork.models.encoders.one_source import OneSourceEncoder
from groundwork.models.encoders.prithvi import swin
from groundwork.models.encoders.prithvi.swin import SwinVariant
from groundwork.models.encoders.prithvi.variants import VARIANTS, PrithviVariant
from groundwork.models.examples import example_images
from groundwork.models.without_memory import without_memory
from groundwork.registry import build
from groundwork.specs import FeatureLevel, FeatureSpec, RasterSpec

#: Options that have no default, or whose default is large.
OPTIONS: dict[str, dict[str, Any]] = {
    "clay": {"variant": "clay_v1_5_tiny", "out_indices": [0, 1]},
    "copernicus_fm": {"out_indices": [0]},
    "croma": {"out_indices": [0]},
    "dofa": {"variant": "small", "out_indices": [0, 1]},
    "galileo": {"coordinates": ["time", "location"]},
    "panopticon": {"out_indices": [0]},
    "per_date": {"encoder": {"name": "timm", "model": "test_vit"}},
    "prithvi_vit": {"image_size": 64, "out_indices": [0, 1]},
    "prithvi_vit_adapter": {"image_size": 64},
    "satmae": {"out_indices": [0]},
    "scale_mae": {"variant": "small", "out_indices": [0, 1]},
    "smp": {"model": "mit_b0"},
    "stack_sources": {"encoder": {"name": "timm", "model": "test_vit"}},
    "terramind": {
        "variant": "terramind_v1_tiny",
        "modalities": {"optical": "S2L2A", "radar": "new"},
        "out_indices": [0, 1],
    },
    "timm": {"model": "test_vit"},
}
#: Further networks: timm's, and those that read weights past the layers that hold them.
OTHERS: dict[str, dict[str, Any]] = {
    "timm beit": {"model": "beit_base_patch16_224", "out_indices": [0], "image_size": 64},
    "timm swinv2": {"model": "swinv2_tiny_window8_256", "out_indices": [0]},
    "timm eva02": {"model": "eva02_tiny_patch14_224", "out_indices": [0]},
}
#: Without a linear layer.
CONVOLUTIONAL = ("identity", "torchgeo", "unet")
PLAIN = RasterSpec(bands=["RED", "GREEN", "BLUE"], dtype="int16", nodata=-1)
ALL = [*(name for name in ENCODERS if name not in CONVOLUTIONAL), *OTHERS]


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(swin.VARIANTS, "b", SwinVariant(16, (1, 2, 4, 8), depths=(1, 2, 1, 1)))
    monkeypatch.setitem(VARIANTS, "prithvi_eo_v2_tiny_tl", PrithviVariant(32, 4, 2, learned_scale=True))


def build_named(label: str, **words: Any) -> tuple[Encoder, dict[str, RasterSpec]]:
    name = label.partition(" ")[0]
    config = ComponentConfig(name=name, **(OPTIONS.get(label, {}) | OTHERS.get(label, {}) | words))
    inputs = SOURCES if name in {"terramind", "galileo", "stack_sources"} else one(RASTERS.get(name, PLAIN))
    return build(Encoder, ENCODERS, config, inputs), inputs


def images_for(encoder: Encoder, inputs: dict[str, RasterSpec]) -> Images:
    side = encoder.only_size or encoder.size_multiple * (2 if encoder.size_multiple <= 32 else 1)
    zeros = example_images(inputs, (side, side))
    values = {source: torch.randn(2, *part.shape[1:]) for source, part in zeros.values.items()}
    dates = {source: part.expand(2, -1, -1) + torch.tensor([2021.0, 40.0]) for source, part in zeros.dates.items()}
    return Images(values, dates=dates, location=torch.full((2, 2), 40.0))


def calm(encoder: nn.Module) -> None:
    """Switch to training, but for what training does on purpose in another way: batch statistics and dropout."""
    encoder.train()
    for module in encoder.modules():
        if isinstance(module, nn.BatchNorm2d | nn.Dropout) or "Drop" in type(module).__name__:
            module.eval()


@pytest.mark.parametrize("label", ALL)
def test_adapters_act_alike_everywhere_and_all_of_them_learn(label: str) -> None:
    encoder, inputs = build_named(label)
    add_adapters(encoder, AdapterConfig(options={"r": 2}), inputs)
    # A half of each adapter starts at zero, and so do some gates: nothing would come through.
    for parameter in encoder.parameters():
        if not parameter.any():
            nn.init.normal_(parameter, std=0.05)
    given = images_for(encoder, inputs)
    calm(encoder)
    trained = encoder(given)
    sum((level * torch.randn_like(level)).sum() for level in trained).backward()
    learning = {name: parameter for name, parameter in encoder.named_parameters() if parameter.requires_grad}
    assert any("lora_A" in name for name in learning)
    for name, parameter in learning.items():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.any(), name
    encoder.eval()
    with torch.no_grad():
        for level, other in zip(trained, encoder(given), strict=True):
            torch.testing.assert_close(level, other, rtol=1e-4, atol=1e-4)
        merged = merge_adapters(encoder)
        for level, other in zip(trained, merged(given), strict=True):
            torch.testing.assert_close(level, other, rtol=1e-3, atol=1e-3)
    assert not [name for name, _ in merged.named_parameters() if "lora" in name]


#: What is named -> who reads its weights past it.
READ_PAST: dict[str, tuple[dict[str, Any], str, str]] = {
    "clay": ({}, "linear1", "torch's TransformerEncoderLayer 'patch_embedding.weight_generator.encoder.layers.0'"),
    "dofa": ({}, "out_proj", "torch's MultiheadAttention '.*self_attn'"),
    "copernicus_fm": ({}, "self_attn", "torch's TransformerEncoderLayer '.*layers.0'"),
    "timm beit": ({}, "qkv", "'network.model.blocks.0.attn'"),
    "torchgeo": ({"model": "Swin_V2_B_Weights.NAIP_RGB_MI_SATLAS"}, "proj", "'network.network.features.1.0.attn'"),
}


@pytest.mark.parametrize("label", READ_PAST)
def test_what_is_read_past_its_layer_is_refused_by_name_and_left_out_otherwise(label: str) -> None:
    words, name, reader = READ_PAST[label]
    with without_memory():
        encoder, inputs = build_named(label, **words)
    with pytest.raises(ComponentError, match=rf"no effect.*{reader} reads its weights without calling it"):
        add_adapters(encoder, AdapterConfig(modules=(name,)), inputs)
    chosen = choose_modules(encoder, inputs, ())
    assert chosen
    assert not [module for module in chosen if module.rpartition(".")[2] == name]


def test_blocks_that_nobody_sees_get_no_adapters() -> None:
    encoder, inputs = build_named("prithvi_vit")
    assert choose_modules(encoder, inputs, ("qkv",)) == ["blocks.0.attn.qkv", "blocks.1.attn.qkv"]
    assert not [name for name in choose_modules(encoder, inputs, ()) if name.startswith(("blocks.2", "blocks.3"))]


class NeedsValues(OneSourceEncoder):
    """Somebody's own encoder, which asks for a number."""

    def __init__(self, inputs: Mapping[str, RasterSpec]) -> None:
        super().__init__(inputs)
        self.proj = nn.Linear(self.raster.num_channels, 4)
        self.attention = nn.MultiheadAttention(4, 2)
        self.out = FeatureSpec((FeatureLevel(4, 1),))
        self.size_multiple = 1

    def encode(self, image: Image) -> list[Tensor]:
        scale = image.values.abs().max().item()
        return [self.proj(image.values.movedim(1, -1) / max(scale, 1.0)).movedim(-1, 1)]


def test_encoders_that_need_values_are_adapted_by_what_is_known_of_torch() -> None:
    encoder = NeedsValues(one(PLAIN))
    assert choose_modules(encoder, one(PLAIN), ()) == ["proj"]
    # A pattern, not the end of a name: another layer may end alike.
    add_adapters(encoder, AdapterConfig(options={"r": 2}), one(PLAIN))
    assert not [name for name, _ in encoder.named_parameters() if "lora" in name and "out_proj" in name]

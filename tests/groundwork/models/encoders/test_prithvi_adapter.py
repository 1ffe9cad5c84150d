"""ViT-Adapter: deformable attention against its definition, and how transformer and convolutions meet."""

from __future__ import annotations

import re
from collections.abc import Callable
from math import floor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from asking import SOURCE, encode, images_of, one
from groundwork.batch import Image
from groundwork.errors import ComponentError, SpecError
from groundwork.models.encoders.prithvi.adapter import PrithviViTAdapter
from groundwork.models.encoders.prithvi.options import AdapterOptions
from groundwork.models.encoders.prithvi.variants import VARIANTS, PrithviVariant
from groundwork.models.encoders.prithvi.vit_adapter import DeformableAttention, cell_centers
from groundwork.models.weights.file import WeightsFile
from groundwork.specs import FeatureLevel, RasterSpec

SMALL = AdapterOptions(prior_channels=4)


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(VARIANTS, "prithvi_eo_v2_tiny_tl", PrithviVariant(32, 4, 2, learned_scale=True))


def look(level: np.ndarray, column: float, row: float) -> np.ndarray:
    """Bilinear value of a level (rows, columns, channels) at a place in cells, whose centres are at halves."""
    found = np.zeros(level.shape[-1])
    left, top = floor(column - 0.5), floor(row - 0.5)
    for i, j in [(top, left), (top, left + 1), (top + 1, left), (top + 1, left + 1)]:
        if 0 <= i < level.shape[0] and 0 <= j < level.shape[1]:
            found += (1 - abs(row - 0.5 - i)) * (1 - abs(column - 0.5 - j)) * level[i, j]
    return found


def test_drop_path_is_refused_for_a_transformer_that_stays_as_it_is() -> None:
    inputs = RasterSpec(bands=["RED"], dtype="int16", nodata=None)
    with pytest.raises(ComponentError, match="'drop_path' has no effect on a transformer that stays as it is"):
        PrithviViTAdapter(one(inputs), adapter=AdapterOptions(freeze_vit=True), drop_path=0.1)


def test_deformable_attention_follows_the_definition() -> None:
    attention = DeformableAttention(12, num_heads=3, num_levels=2, num_points=2, value_dim=6).double()
    shapes = [(3, 5), (2, 2)]
    queries, tokens = torch.randn(2, 4, 12, dtype=torch.float64), torch.randn(2, 19, 12, dtype=torch.float64)
    centers = torch.rand(4, 2, dtype=torch.float64)
    with torch.no_grad():
        given = attention(queries, centers, tokens, shapes)
        offsets = attention.sampling_offsets(queries).reshape(2, 4, 3, 2, 2, 2).numpy()
        scores = attention.attention_weights(queries).reshape(2, 4, 3, 4).numpy()
        values = attention.value_proj(tokens).reshape(2, 19, 3, 2).numpy()
    shares = (np.exp(scores) / np.exp(scores).sum(-1, keepdims=True)).reshape(2, 4, 3, 2, 2)
    expected = np.zeros((2, 4, 3, 2))
    for sample, query, head, level, point in np.ndindex(2, 4, 3, 2, 2):
        rows, columns = shapes[level]
        cells = values[sample, 15 * level : 15 + 4 * level, head].reshape(rows, columns, 2)
        column, row = centers[query].numpy() * [columns, rows] + offsets[sample, query, head, level, point]
        expected[sample, query, head] += shares[sample, query, head, level, point] * look(cells, column, row)
    output = attention.output_proj(torch.from_numpy(expected.reshape(2, 4, 6)))
    torch.testing.assert_close(given, output)


def test_fresh_heads_look_in_directions_of_their_own() -> None:
    attention = DeformableAttention(8, num_heads=4, num_levels=1, num_points=2, value_dim=8)
    attention.initialise()
    spots = attention.sampling_offsets(torch.randn(1, 1, 8)).reshape(4, 2, 2)
    expected = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])
    torch.testing.assert_close(spots[:, 0], expected, rtol=0, atol=1e-6)
    torch.testing.assert_close(spots[:, 1], 2 * expected, rtol=0, atol=1e-6)


def test_centres_go_row_by_row() -> None:
    centers = cell_centers([(2, 4), (1, 2)], torch.zeros(1))
    expected = [[(c + 0.5) / 4, (r + 0.5) / 2] for r in range(2) for c in range(4)] + [[0.25, 0.5], [0.75, 0.5]]
    torch.testing.assert_close(centers, torch.tensor(expected))


@pytest.mark.parametrize("size", [(64, 64), (64, 96)])
def test_levels_double_their_stride(raster: RasterSpec, size: tuple[int, int]) -> None:
    adapter = PrithviViTAdapter(one(raster), image_size=64, adapter=SMALL).eval()
    assert adapter.out.levels == tuple(FeatureLevel(32, stride) for stride in (4, 8, 16, 32))
    assert adapter.out.is_pyramid
    assert adapter.size_multiple == 32
    maps = encode(adapter, torch.randn(2, 3, 1, *size))
    assert [tuple(level.shape) for level in maps] == [(2, 32, size[0] // s, size[1] // s) for s in (4, 8, 16, 32)]


def test_fresh_adapter_leaves_the_transformer_undisturbed(raster: RasterSpec) -> None:
    adapter = PrithviViTAdapter(one(raster), image_size=64, adapter=SMALL).eval()
    patches = adapter.vit.embed(Image(torch.randn(1, 3, 64, 64))).patches
    shapes = [(64 // stride, 64 // stride) for stride in (4, 8, 16, 32)]
    with torch.no_grad():
        _, stages = adapter._interact(patches, torch.randn(1, 84, 32), shapes)
        for stage, block in zip(stages, adapter.vit.blocks, strict=True):
            patches = block(patches)
            torch.testing.assert_close(stage, patches, rtol=0, atol=0)


def test_gradient_reaches_every_parameter(raster: RasterSpec) -> None:
    adapter = PrithviViTAdapter(one(raster), coordinates=("time", "location"), image_size=64, adapter=SMALL)
    for parameter in adapter.parameters():
        # Some start at zero, and what is before them has no gradient before their first step.
        if not parameter.any():
            nn.init.normal_(parameter, std=0.1)
    maps = encode(
        adapter, torch.randn(2, 3, 64, 64), torch.tensor([[[2021.0, 3.0]]] * 2), torch.tensor([[47.0, 8.0]] * 2)
    )
    sum((level * torch.randn_like(level)).sum() for level in maps).backward()
    for name, parameter in adapter.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.any(), name


def test_a_file_of_terratorch_sets_transformer_and_adapter(raster: RasterSpec, tmp_path: Path) -> None:
    first = PrithviViTAdapter(one(raster), adapter=SMALL)
    idle = ("vit.pos_embed", "vit.cls_token", "vit.norm.")
    for name, value in first.state_dict().items():
        if value.is_floating_point() and not name.startswith(idle):
            value.uniform_(0.05, 0.15)
    names: dict[str, Any] = {
        r"^injectors\.(\d)\.": r"interactions.\1.injector.",
        r"^extractors\.([0-3])\.": r"interactions.\1.extractor.",
        r"^extractors\.4\.": "interactions.3.extra_extractors.0.",
        r"^extractors\.5\.": "interactions.3.extra_extractors.1.",
        r"^norms\.(\d)\.": lambda found: f"norm{int(found[1]) + 1}.",
        r"^vit\.": "",
    }
    state = {}
    for ours, value in first.state_dict().items():
        theirs = ours
        for pattern, name in names.items():
            theirs = re.sub(pattern, name, theirs)
        state |= {} if ours.startswith(idle) else {f"model.encoder.{theirs}": value}
    torch.save({"state_dict": state}, tmp_path / "theirs.ckpt")
    told = WeightsFile(file=str(tmp_path / "theirs.ckpt"), bands=raster.band_names)
    second = PrithviViTAdapter(one(raster), adapter=SMALL, pretrained=True, weights=told)
    own = second.state_dict()
    known = {name: value for name, value in first.state_dict().items() if not name.startswith(idle)}
    assert all(torch.equal(own[name], value) for name, value in known.items())
    image = torch.randn(1, len(raster.bands), 64, 64)
    for expected, given in zip(encode(first.eval(), image), encode(second.eval(), image), strict=True):
        torch.testing.assert_close(given, expected)


def test_the_transformer_can_stay_as_it_is(raster: RasterSpec) -> None:
    options = AdapterOptions(prior_channels=4, freeze_vit=True, extra_extractors=0)
    adapter = PrithviViTAdapter(one(raster), image_size=64, adapter=options)
    trained = {name.split(".")[0] for name, parameter in adapter.named_parameters() if parameter.requires_grad}
    assert trained == {"level_embed", "spm", "injectors", "extractors", "up", "norms"}
    assert len(adapter.extractors) == 4


def test_checkpointing_changes_nothing_but_memory(raster: RasterSpec) -> None:
    plain, thrifty = (
        PrithviViTAdapter(one(raster), image_size=64, adapter=SMALL, gradient_checkpointing=checkpointing).train()
        for checkpointing in (False, True)
    )
    thrifty.load_state_dict(plain.state_dict())
    image = torch.randn(2, 3, 64, 64)
    for adapter in (plain, thrifty):
        sum(level.square().sum() for level in encode(adapter, image)).backward()
    torch.testing.assert_close(plain.vit.patch_embed.proj.weight.grad, thrifty.vit.patch_embed.proj.weight.grad)


def test_it_can_be_exported_and_compiled(raster: RasterSpec) -> None:
    adapter = PrithviViTAdapter(one(raster), image_size=64, adapter=SMALL).eval()
    images = images_of([SOURCE], torch.randn(2, 3, 64, 96))
    expected = adapter(images)
    for network in (
        torch.export.export(adapter, (images,)).module(),
        torch.compile(adapter, backend="eager", fullgraph=True),
    ):
        for given, level in zip(network(images), expected, strict=True):
            torch.testing.assert_close(given, level)


def test_what_cannot_be_adapted_is_refused(make_raster: Callable[..., RasterSpec]) -> None:
    with torch.device("meta"):
        with pytest.raises(SpecError, match="'prithvi_vit_adapter' sees one date, the rasters hold 3"):
            PrithviViTAdapter(one(make_raster(3, steps=3)))
        with pytest.raises(ComponentError, match=r"patches of 16 pixels, 'prithvi_eo_v2_600' has 14.*pyramid"):
            PrithviViTAdapter(one(make_raster(3)), variant="prithvi_eo_v2_600")

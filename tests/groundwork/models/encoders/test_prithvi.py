"""Prithvi's encoder against its definition, written out once more in NumPy."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from timm.models.vision_transformer import Block
from torch import Tensor, nn
from torch.nn import functional

from asking import SOURCE, encode, images_of, one
from groundwork.batch import Image
from groundwork.config.component import ComponentConfig
from groundwork.errors import ComponentError, SpecError
from groundwork.models.encoders import ENCODERS
from groundwork.models.encoders.base import Encoder
from groundwork.models.encoders.parts.position_codes import CoordinateCode, fit_position_table, position_table
from groundwork.models.encoders.parts.transformer import Attention, TransformerBlock
from groundwork.models.encoders.prithvi.options import PromptTuning
from groundwork.models.encoders.prithvi.variants import VARIANTS, PrithviVariant
from groundwork.models.encoders.prithvi.vit import PrithviViT
from groundwork.models.without_memory import without_memory
from groundwork.registry import build
from groundwork.specs import FeatureLevel, RasterSpec

Codes = NDArray[np.float64]
TIME = torch.tensor([[[2021.0, 12.0], [2022.0, 200.0]]])
PLACE = torch.tensor([[47.4, -8.5]])


def code(position: float, dim: int) -> Codes:
    angles = [position / 10000 ** (2 * k / dim) for k in range(dim // 2)]
    return np.array([np.sin(a) for a in angles] + [np.cos(a) for a in angles])


def table(steps: int, rows: int, columns: int, dim: int) -> Codes:
    tokens = [np.zeros(dim)]
    for step in range(steps):
        for row in range(rows):
            for column in range(columns):
                parts = [code(column, dim * 6 // 16), code(row, dim * 6 // 16), code(step, dim * 4 // 16)]
                tokens.append(np.concatenate(parts))
    return np.stack(tokens)


@pytest.fixture
def shallow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the variant two blocks, so that a test takes a moment."""
    small = PrithviVariant(embed_dim=48, depth=2, num_heads=3, patch_size=16, learned_scale=True)
    monkeypatch.setitem(VARIANTS, "prithvi_eo_v2_tiny_tl", small)


@pytest.mark.parametrize(("grid", "dim"), [((1, 2, 2), 16), ((3, 2, 5), 48), ((2, 4, 3), 192)])
def test_position_codes_follow_the_definition(grid: tuple[int, int, int], dim: int) -> None:
    codes = position_table(grid, dim)
    assert codes.dtype == torch.float32
    np.testing.assert_allclose(codes[0], table(*grid, dim), rtol=0, atol=1e-7)


def test_position_codes_of_more_time_steps_are_computed_not_stretched() -> None:
    fitted = fit_position_table(position_table((1, 3, 3), 32), (1, 3, 3), (4, 3, 3))
    np.testing.assert_allclose(fitted[0], table(4, 3, 3, 32), atol=1e-5)


def test_position_codes_of_other_sizes_are_interpolated_bicubically() -> None:
    fitted = fit_position_table(position_table((2, 3, 3), 16), (2, 3, 3), (2, 5, 7))
    maps = torch.from_numpy(table(2, 3, 3, 16)[1:]).reshape(2, 3, 3, 16).permute(0, 3, 1, 2)
    expected = functional.interpolate(maps, size=(5, 7), mode="bicubic", align_corners=True)
    np.testing.assert_allclose(fitted[0, 1:], expected.permute(0, 2, 3, 1).reshape(-1, 16), atol=1e-5)
    assert torch.all(fitted[0, 0] == 0)
    # Corners stay where they were, of which rows and columns have each their own.
    np.testing.assert_allclose(fitted[0, 7], table(2, 3, 3, 16)[3], atol=1e-5)


@pytest.mark.parametrize("learned", [True, False])
def test_coordinate_codes_follow_the_definition(learned: bool) -> None:
    module = CoordinateCode(192, learned)
    scale = 0.1 if learned else 1.0
    expected = [np.concatenate([code(year, 96), code(day, 96)]) for year, day in TIME[0].tolist()]
    # A float32 holds the angle of a year to 1e-4.
    np.testing.assert_allclose(module(TIME)[0].detach(), scale * np.stack(expected), atol=3e-4 * scale)
    place = np.concatenate([code(float(PLACE[0, 0]), 96), code(float(PLACE[0, 1]), 96)])
    np.testing.assert_allclose(module(PLACE)[0].detach(), scale * place, atol=1e-5)
    assert isinstance(module.scale, nn.Parameter) is learned


def test_coordinate_codes_keep_years_apart_under_autocast() -> None:
    module = CoordinateCode(64, learned_scale=False)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        given = module(TIME)
    torch.testing.assert_close(given, module(TIME), rtol=0, atol=0)


def test_attention_is_the_textbooks() -> None:
    attention = Attention(24, 3).double()
    tokens = torch.randn(2, 5, 24, dtype=torch.float64)
    query, key, value = (part.detach().numpy() for part in attention.qkv(tokens).chunk(3, dim=-1))
    heads = []
    for head in range(3):
        columns = slice(8 * head, 8 * head + 8)
        raw = query[..., columns] @ key[..., columns].transpose(0, 2, 1) / np.sqrt(8)
        weights = np.exp(raw) / np.exp(raw).sum(-1, keepdims=True)
        heads.append(weights @ value[..., columns])
    expected = attention.proj(torch.from_numpy(np.concatenate(heads, axis=-1)))
    torch.testing.assert_close(attention(tokens), expected)


def test_block_is_timms() -> None:
    timms = Block(48, 3, qkv_bias=True, norm_layer=nn.LayerNorm).eval()
    block = TransformerBlock(48, 3, 4.0, drop_path=0.0).eval()
    block.load_state_dict(timms.state_dict(), strict=True)
    tokens = torch.randn(2, 7, 48)
    torch.testing.assert_close(block(tokens), timms(tokens))


def test_drop_path_skips_whole_samples_and_keeps_the_expectation() -> None:
    block = TransformerBlock(16, 2, 4.0, drop_path=0.25)
    kept = block._drop_path(torch.ones(4000, 3, 16))
    per_sample = kept[:, 0, 0]
    assert torch.equal(kept, per_sample[:, None, None].expand_as(kept))
    assert per_sample.unique().tolist() == pytest.approx([0.0, 1 / 0.75])
    assert per_sample.mean().item() == pytest.approx(1, abs=0.05)
    assert torch.equal(block.eval()._drop_path(torch.ones(2, 3, 16)), torch.ones(2, 3, 16))


def test_tiny_has_the_published_number_of_parameters_and_names(make_raster: Callable[..., RasterSpec]) -> None:
    encoder = PrithviViT(one(make_raster(6)), coordinates=("time", "location"))
    assert sum(parameter.numel() for parameter in encoder.parameters()) == 5_634_050
    layers = ["norm1", "attn.qkv", "attn.proj", "norm2", "mlp.fc1", "mlp.fc2"]
    expected = {"cls_token", "pos_embed", "temporal_embed_enc.scale", "location_embed_enc.scale"}
    for name in ["patch_embed.proj", "norm", *(f"blocks.{i}.{layer}" for i in range(12) for layer in layers)]:
        expected |= {f"{name}.weight", f"{name}.bias"}
    weights = encoder.state_dict()
    assert set(weights) == expected
    assert weights["pos_embed"].shape == (1, 197, 192)
    assert weights["patch_embed.proj.weight"].shape == (192, 6, 1, 16, 16)
    assert "pos_embed" not in dict(encoder.named_parameters())


def test_fresh_weights_are_drawn_as_published(raster: RasterSpec) -> None:
    encoder = PrithviViT(one(raster), image_size=32)
    block = encoder.blocks[0]
    assert torch.all(block.attn.qkv.bias == 0)
    bound = (6 / (192 + 768)) ** 0.5
    assert block.mlp.fc1.weight.abs().max().item() == pytest.approx(bound, rel=1e-3)
    assert encoder.cls_token.std().item() == pytest.approx(0.02, rel=0.3)
    bound = (6 / (192 + 3 * 256)) ** 0.5
    assert encoder.patch_embed.proj.weight.abs().max().item() == pytest.approx(bound, rel=1e-3)


@pytest.mark.usefixtures("shallow")
def test_maps_are_the_tokens_laid_out_step_behind_step(make_raster: Callable[..., RasterSpec]) -> None:
    """Runs the published forward pass by hand: class token last in, first out; time before the class token."""
    encoder = PrithviViT(one(make_raster(2, steps=2)), coordinates=("time", "location"), image_size=32).eval()
    image = torch.randn(1, 2, 2, 32, 48)
    maps = encode(encoder, image, TIME, PLACE)
    tokens = _embed_by_hand(encoder, image)
    for index, (block, given) in enumerate(zip(encoder.blocks, maps, strict=True)):
        tokens = block(tokens)
        expected = encoder.norm(tokens) if index == 1 else tokens
        for step in range(2):
            for row, column in [(0, 0), (0, 2), (1, 1)]:
                token = expected[0, 1 + step * 6 + row * 3 + column]
                torch.testing.assert_close(given[0, step * 48 : (step + 1) * 48, row, column], token)


def _embed_by_hand(encoder: PrithviViT, image: Tensor) -> Tensor:
    weight, bias = encoder.patch_embed.proj.weight[:, :, 0], encoder.patch_embed.proj.bias
    positions = fit_position_table(position_table((2, 2, 2), 48), (2, 2, 2), (2, 2, 3))
    place = 0.1 * np.concatenate([code(float(PLACE[0, 0]), 24), code(float(PLACE[0, 1]), 24)])
    tokens = [encoder.cls_token[0, 0]]
    for step, (year, day) in enumerate(TIME[0].tolist()):
        time = 0.1 * np.concatenate([code(year, 24), code(day, 24)])
        for row in range(2):
            for column in range(3):
                patch = image[0, :, step, 16 * row : 16 * row + 16, 16 * column : 16 * column + 16]
                vector = (weight * patch).sum((1, 2, 3)) + bias + positions[0, len(tokens)]
                tokens.append(vector + torch.from_numpy(time + place).float())
    return torch.stack(tokens)[None]


@pytest.mark.usefixtures("shallow")
@pytest.mark.parametrize("steps", [1, 3])
@pytest.mark.parametrize("size", [(16, 16), (32, 80)])
def test_any_size_and_number_of_steps_gives_grids(
    make_raster: Callable[..., RasterSpec], steps: int, size: tuple[int, int]
) -> None:
    encoder = PrithviViT(one(make_raster(2, steps=steps)), image_size=32).eval()
    assert encoder.out.levels == (FeatureLevel(48 * steps, 16, steps=steps),) * 2
    maps = encode(encoder, torch.randn(2, 2, steps, *size))
    assert [tuple(given.shape) for given in maps] == [(2, 48 * steps, size[0] // 16, size[1] // 16)] * 2


@pytest.mark.usefixtures("shallow")
def test_one_step_may_be_given_without_its_dimension(raster: RasterSpec) -> None:
    encoder = PrithviViT(one(raster), image_size=32).eval()
    image = torch.randn(1, 3, 32, 32)
    torch.testing.assert_close(encode(encoder, image)[-1], encode(encoder, image.unsqueeze(2))[-1], rtol=0, atol=0)


@pytest.mark.usefixtures("shallow")
def test_missing_coordinates_are_named(raster: RasterSpec) -> None:
    encoder = PrithviViT(one(raster), coordinates=("time", "location"), image_size=32)
    assert encoder.coordinates == {"time", "location"}
    image = torch.randn(1, 3, 32, 32)
    with pytest.raises(ValueError, match="needs 'dates' \\(year and day of the year of each time step\\)"):
        encode(encoder, image, None, PLACE)
    with pytest.raises(ValueError, match="needs 'location' \\(latitude and longitude\\)"):
        encode(encoder, image, TIME[:, :1])


@pytest.mark.usefixtures("shallow")
@pytest.mark.parametrize("steps", [1, 3])
def test_dates_of_other_steps_are_named(make_raster: Callable[..., RasterSpec], steps: int) -> None:
    encoder = PrithviViT(one(make_raster(2, steps=2)), coordinates=("time",), image_size=32)
    with pytest.raises(ValueError, match=rf"built for 2 time step\(s\) .* it was given \(1, {steps}, 2\)"):
        encode(encoder, torch.randn(1, 2, 2, 32, 32), TIME[:, :1].expand(-1, steps, -1))


def test_drop_path_is_refused_where_prompts_keep_the_blocks_as_they_are(raster: RasterSpec) -> None:
    prompts = PromptTuning(tokens=2)
    with pytest.raises(ComponentError, match=r"'drop_path' has no effect on blocks .* set 'freeze: false'"):
        PrithviViT(one(raster), drop_path=0.1, prompts=prompts)
    with without_memory():
        PrithviViT(one(raster), drop_path=0.1, prompts=prompts.model_copy(update={"freeze": False}))


@pytest.mark.usefixtures("shallow")
def test_gradient_reaches_the_scales_of_the_coordinates(make_raster: Callable[..., RasterSpec]) -> None:
    encoder = PrithviViT(one(make_raster(2, steps=2)), coordinates=("time", "location"), image_size=32)
    maps = encode(encoder, torch.randn(1, 2, 2, 32, 32), TIME, PLACE)
    (maps[-1] * torch.randn_like(maps[-1])).sum().backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in encoder.parameters())


@pytest.mark.usefixtures("shallow")
def test_only_blocks_that_are_passed_on_are_kept(raster: RasterSpec) -> None:
    encoder = PrithviViT(one(raster), image_size=32, out_indices=(0,)).eval()
    whole = PrithviViT(one(raster), image_size=32).eval()
    state = whole.state_dict()
    left_out = {name for name in state if name.startswith(("blocks.1.", "norm."))}
    encoder.load_state_dict({name: value for name, value in state.items() if name not in left_out}, strict=True)
    image = torch.randn(1, 3, 32, 32)
    (only,) = encode(encoder, image)
    torch.testing.assert_close(only, encode(whole, image)[0], rtol=0, atol=0)
    only.square().sum().backward()
    assert all(parameter.requires_grad and parameter.grad is not None for parameter in encoder.parameters())
    assert PrithviViT(one(raster), image_size=32, out_indices=(-2, -1)).out_indices == (0, 1)


@pytest.mark.parametrize("indices", [(), (12,), (-13,), (3, 1), (1, 1)])
def test_blocks_that_do_not_exist_are_refused(raster: RasterSpec, indices: tuple[int, ...]) -> None:
    with without_memory(), pytest.raises(ComponentError, match="from 0 to 11"):
        PrithviViT(one(raster), out_indices=indices)


def test_drop_path_is_a_rate(raster: RasterSpec) -> None:
    config = ComponentConfig(name="prithvi_vit", drop_path=1.0)
    with pytest.raises(ComponentError, match="drop_path: Input should be less than 1"):
        build(Encoder, ENCODERS, config, one(raster))


def test_image_size_must_hold_whole_patches(raster: RasterSpec) -> None:
    with pytest.raises(ComponentError, match="'image_size' must be a multiple of 16, got 100"):
        PrithviViT(one(raster), image_size=100)


@pytest.mark.usefixtures("shallow")
def test_tokens_of_two_steps_see_both(make_raster: Callable[..., RasterSpec]) -> None:
    encoder = PrithviViT(one(make_raster(2, steps=4)), image_size=32, tubelet_size=2, patch_size=8).eval()
    assert encoder.out.levels == (FeatureLevel(96, 8, steps=2),) * 2
    assert encoder.size_multiple == 8
    image = torch.randn(1, 2, 4, 16, 24)
    tokens = encoder.embed(Image(image))
    assert tokens.grid == (2, 2, 3)
    weight, bias = encoder.patch_embed.proj.weight, encoder.patch_embed.proj.bias
    # The second pair of steps, the second row, the third column.
    expected = (weight * image[0, :, 2:4, 8:16, 16:24]).sum((1, 2, 3, 4)) + bias
    expected = expected + fit_position_table(position_table((2, 4, 4), 48), (2, 4, 4), (2, 2, 3))[0, 12]
    torch.testing.assert_close(tokens.patches[0, 11], expected)
    assert [tuple(given.shape) for given in encode(encoder, image)] == [(1, 96, 2, 3)] * 2


def test_tokens_share_the_steps_evenly_and_have_one_date_each(make_raster: Callable[..., RasterSpec]) -> None:
    with without_memory():
        with pytest.raises(SpecError, match="'tubelet_size' 2 must divide the 3 time steps"):
            PrithviViT(one(make_raster(2, steps=3)), tubelet_size=2)
        with pytest.raises(ComponentError, match="take 'time' out of 'coordinates'"):
            PrithviViT(one(make_raster(2, steps=4)), tubelet_size=2, coordinates=("time",))


@pytest.mark.usefixtures("shallow")
def test_class_token_is_the_global_vector(raster: RasterSpec) -> None:
    encoder = PrithviViT(one(raster), image_size=32, vector=True).eval()
    assert encoder.out.vector == 48
    image = torch.randn(2, 3, 32, 32)
    *maps, vector = encode(encoder, image)
    assert len(maps) == len(encoder.out.levels)
    embedded = encoder.embed(Image(image))
    tokens = torch.cat([embedded.cls, embedded.patches], dim=1)
    for block in encoder.blocks:
        tokens = block(tokens)
    torch.testing.assert_close(vector, encoder.norm(tokens)[:, 0])
    plain = PrithviViT(one(raster), image_size=32).eval()
    plain.load_state_dict(encoder.state_dict(), strict=True)
    assert plain.out.vector is None
    torch.testing.assert_close(encode(plain, image), maps, rtol=0, atol=0)


@pytest.mark.usefixtures("shallow")
def test_prompts_join_each_block_and_are_all_that_is_trained(raster: RasterSpec) -> None:
    encoder = PrithviViT(one(raster), image_size=32, prompts=PromptTuning(tokens=4)).eval()
    image = torch.randn(1, 3, 32, 32)
    maps = encode(encoder, image)
    embedded = encoder.embed(Image(image))
    tokens = torch.cat([embedded.cls, embedded.patches], dim=1)
    for block, prompt in zip(encoder.blocks, encoder.vpt_prompt_embeddings, strict=True):
        joined = block(torch.cat([tokens[:, :1], prompt, tokens[:, 1:]], dim=1))
        tokens = torch.cat([joined[:, :1], joined[:, 5:]], dim=1)
    torch.testing.assert_close(maps[-1].flatten(2).transpose(1, 2), encoder.norm(tokens)[:, 1:])
    (maps[-1] * torch.randn_like(maps[-1])).sum().backward()
    trained = {name for name, parameter in encoder.named_parameters() if parameter.requires_grad}
    assert trained == {"vpt_prompt_embeddings.0", "vpt_prompt_embeddings.1"}
    assert all(prompt.grad is not None and prompt.grad.any() for prompt in encoder.vpt_prompt_embeddings)
    bound = (6 / (3 * 256 + 48)) ** 0.5
    values = torch.stack(list(encoder.vpt_prompt_embeddings))
    assert values.abs().max().item() == pytest.approx(bound, rel=0.05)


@pytest.mark.usefixtures("shallow")
def test_prompts_beside_a_trained_network(raster: RasterSpec) -> None:
    prompts = PromptTuning(tokens=2, freeze=False, dropout=0.5)
    encoder = PrithviViT(one(raster), image_size=32, out_indices=(0,), prompts=prompts)
    assert all(parameter.requires_grad for parameter in encoder.parameters())
    assert len(encoder.vpt_prompt_embeddings) == 1
    image = torch.randn(1, 3, 32, 32)
    assert not torch.equal(encode(encoder, image)[0], encode(encoder, image)[0])
    torch.testing.assert_close(encode(encoder.eval(), image), encode(encoder, image), rtol=0, atol=0)


@pytest.mark.usefixtures("shallow")
def test_checkpointing_changes_nothing_but_memory(raster: RasterSpec) -> None:
    plain = PrithviViT(one(raster), image_size=32)
    thrifty = PrithviViT(one(raster), image_size=32, gradient_checkpointing=True, drop_path=0.0)
    thrifty.load_state_dict(plain.state_dict(), strict=True)
    image = torch.randn(2, 3, 32, 32)
    for encoder in (plain, thrifty):
        sum(features.square().sum() for features in encode(encoder, image)).backward()
    for ours, same in zip(plain.parameters(), thrifty.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, same.grad)


@pytest.mark.usefixtures("shallow")
def test_it_compiles_in_one_piece(make_raster: Callable[..., RasterSpec]) -> None:
    encoder = PrithviViT(
        one(make_raster(2, steps=2)),
        coordinates=("time", "location"),
        image_size=32,
        vector=True,
        prompts=PromptTuning(tokens=2),
    ).eval()
    images = images_of([SOURCE], torch.randn(1, 2, 2, 32, 48), None, TIME, PLACE)
    compiled = torch.compile(encoder, backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(images), encoder(images))
    exported = torch.export.export(encoder, (images,)).module()
    torch.testing.assert_close(exported(images), encoder(images))

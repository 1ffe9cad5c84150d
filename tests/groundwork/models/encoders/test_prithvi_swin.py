"""Prithvi's Swin transformers: the layouts in which their weights are passed around, and what they give."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from timm.models.swin_transformer import PatchMerging
from torch import Tensor, nn

from asking import SOURCE, encode, images_of, one
from groundwork.config.component import ComponentConfig
from groundwork.errors import ComponentError, SpecError, WeightsError
from groundwork.models.encoders import ENCODERS
from groundwork.models.encoders.base import Encoder
from groundwork.models.encoders.prithvi import swin as prithvi_swin
from groundwork.models.encoders.prithvi.swin import PrithviSwin, SwinVariant
from groundwork.models.encoders.prithvi.swin_weights import convert_swin
from groundwork.models.encoders.prithvi.variants import HLS_BANDS
from groundwork.models.weights.file import WeightsFile
from groundwork.registry import build
from groundwork.specs import FeatureLevel, RasterSpec

Weights = dict[str, Tensor]
Inputs = dict[str, RasterSpec]
SIZES = SwinVariant(16, (1, 2, 4, 8), depths=(1, 2, 1, 1))


def told(path: Path, *bands: str) -> WeightsFile:
    return WeightsFile(file=str(path), bands=bands or HLS_BANDS)


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(prithvi_swin.VARIANTS, "b", SIZES)


@pytest.fixture
def hls() -> Inputs:
    return one(RasterSpec(bands=HLS_BANDS, dtype="int16", nodata=None))


@pytest.fixture
def trained(hls: Inputs) -> PrithviSwin:
    network = PrithviSwin(hls).eval()
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=0.2)
    return network


def as_swin(network: PrithviSwin) -> Weights:
    """The layout of Swin's authors, as an autoencoder is pre-trained: merges behind the stages, one norm."""
    weights = {}
    for name, value in network.network.state_dict().items():
        moved = re.sub(r"layers\.(\d)\.downsample", lambda found: f"layers.{int(found[1]) - 1}.downsample", name)
        weights[f"encoder.{moved}"] = value
    weights |= {f"encoder.norm.{key}": value for key, value in network.norms["3"].state_dict().items()}
    weights["encoder.layers.0.blocks.0.attn.relative_position_index"] = torch.zeros(49, 49)
    weights["encoder.layers.1.blocks.1.attn_mask"] = torch.zeros(4, 49, 49)
    return weights | {"encoder.mask_token": torch.zeros(1, 1, 16), "decoder.0.weight": torch.zeros(3)}


def as_mmsegmentation(network: PrithviSwin) -> Weights:
    """The layout of MMSegmentation: merges that take channel by channel, and a norm behind each stage."""
    weights = {}
    for name, value in as_swin(network).items():
        if not name.startswith("encoder.") or "norm." in name.removeprefix("encoder.")[:5] or "mask" in name:
            continue
        bare = name.removeprefix("encoder.").replace("layers.", "stages.", 1).replace("attn.", "attn.w_msa.")
        bare = bare.replace("mlp.fc1", "ffn.layers.0.0").replace("mlp.fc2", "ffn.layers.1")
        if "downsample" in bare:
            cells = value.reshape(*value.shape[:-1], 4, -1)
            # Swin: (0,0), (1,0), (0,1), (1,1). Unfolding: (0,0), (0,1), (1,0), (1,1) of each channel.
            value = cells[..., [0, 2, 1, 3], :].transpose(-1, -2).reshape(value.shape)  # noqa: PLW2901
        weights[bare.replace("patch_embed.proj.", "patch_embed.projection.")] = value
    for stage in range(4):
        weights |= {f"stages.{stage}.norm.{key}": v for key, v in network.norms[str(stage)].state_dict().items()}
    return weights


def as_terratorch(network: PrithviSwin) -> Any:
    weights = {re.sub(r"^stages\.", "stages_", name): value for name, value in as_mmsegmentation(network).items()}
    return {"state_dict": {f"model.encoder.{name}": v for name, v in weights.items()} | {"model.head.b": torch.ones(1)}}


def as_mmsegmentation_itself(network: PrithviSwin) -> Any:
    named = {re.sub(r"^stages\.(\d)\.norm", r"norm\1", name): v for name, v in as_mmsegmentation(network).items()}
    return {"state_dict": {f"backbone.{name}": v for name, v in named.items()} | {"decode_head.w": torch.ones(2)}}


LAYOUTS = [as_swin, as_mmsegmentation, as_terratorch, as_mmsegmentation_itself]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_the_network_back(
    layout: Callable[[PrithviSwin], Any], trained: PrithviSwin, hls: Inputs, tmp_path: Path
) -> None:
    torch.save(layout(trained), tmp_path / "swin.pt")
    network = PrithviSwin(hls, pretrained=True, weights=told(tmp_path / "swin.pt")).eval()
    assert all(name.startswith("norms.") for name in network.loaded[SOURCE].fresh)
    own, fresh = network.state_dict(), set(network.loaded[SOURCE].fresh)
    for name, value in trained.state_dict().items():
        if name not in fresh:
            torch.testing.assert_close(own[name], value, rtol=0, atol=0)
    if layout is as_swin:
        assert fresh == {f"norms.{stage}.{key}" for stage in range(3) for key in ("weight", "bias")}
        assert {"encoder.mask_token", "decoder.0.weight"} <= set(network.loaded[SOURCE].skipped)
    else:
        assert not fresh


def test_timms_own_weights_are_read(hls: Inputs, tmp_path: Path) -> None:
    sizes = {"embed_dim": 16, "depths": SIZES.depths, "num_heads": SIZES.num_heads}
    theirs = timm.create_model("swin_tiny_patch4_window7_224", in_chans=6, **sizes)
    torch.save(theirs.state_dict(), tmp_path / "swin.pt")
    network = PrithviSwin(hls, pretrained=True, weights=told(tmp_path / "swin.pt"))
    torch.testing.assert_close(
        network.network.state_dict(), {k: theirs.state_dict()[k] for k in network.network.state_dict()}
    )


def test_merges_of_mmsegmentation_take_the_same_cells() -> None:
    norm, reduction = torch.randn(12), torch.randn(6, 12)
    file = {"stages.0.downsample.norm.weight": norm, "stages.0.downsample.reduction.weight": reduction}
    converted = convert_swin(file, 4)
    merge = PatchMerging(3)
    merge.norm.weight.data = converted["network.layers.1.downsample.norm.weight"][1]
    merge.reduction.weight.data = converted["network.layers.1.downsample.reduction.weight"][1]
    image = torch.randn(1, 3, 4, 6)
    unfolded = nn.Unfold(kernel_size=2, stride=2)(image).transpose(1, 2)
    expected = nn.functional.layer_norm(unfolded, (12,), norm, torch.zeros(12)) @ reduction.T
    torch.testing.assert_close(merge(image.permute(0, 2, 3, 1)).reshape(1, 6, 6), expected)


def test_bands_are_matched_by_name(trained: PrithviSwin, tmp_path: Path) -> None:
    torch.save(as_swin(trained), tmp_path / "swin.pt")
    inputs = one(RasterSpec(bands=("NIR_NARROW", "VH", "RED"), dtype="int16", nodata=None))
    network = PrithviSwin(inputs, pretrained=True, weights=told(tmp_path / "swin.pt"))
    assert network.loaded[SOURCE].bands == ("NIR_NARROW", "RED")
    given, file = network.network.patch_embed.proj.weight, trained.network.patch_embed.proj.weight
    torch.testing.assert_close(given[:, [0, 2]], file[:, [3, 2]], rtol=0, atol=0)
    network = PrithviSwin(inputs, pretrained=True, weights=told(tmp_path / "swin.pt", *reversed(HLS_BANDS)))
    torch.testing.assert_close(network.network.patch_embed.proj.weight[:, [0, 2]], file[:, [2, 3]], rtol=0, atol=0)
    with pytest.raises(WeightsError, match=r"takes 6 bands, and nothing says which.* Write weights: \{file: .*swin.pt"):
        PrithviSwin(inputs, pretrained=True, weights=str(tmp_path / "swin.pt"))


def test_other_weights_are_refused(hls: Inputs, trained: PrithviSwin, tmp_path: Path) -> None:
    path = tmp_path / "swin.pt"
    torch.save({"encoder.conv1.weight": torch.zeros(3, 3)}, path)
    with pytest.raises(WeightsError, match="weights of another network"):
        PrithviSwin(hls, pretrained=True, weights=told(path))
    weights = as_swin(trained)
    weights["encoder.patch_embed.proj.weight"] = torch.zeros(16, 3, 4, 4)
    torch.save(weights, path)
    with pytest.raises(WeightsError, match="takes 3 bands, but 6 are named"):
        PrithviSwin(hls, pretrained=True, weights=told(path))


def test_published_sizes_are_those_of_base_and_large(monkeypatch: pytest.MonkeyPatch, hls: Inputs) -> None:
    monkeypatch.setitem(prithvi_swin.VARIANTS, "b", SwinVariant(128, (4, 8, 16, 32)))
    for variant, width in (("b", 128), ("l", 192)):
        with torch.device("meta"):
            network = PrithviSwin(hls, variant=variant)  # type: ignore[arg-type]
            theirs = timm.create_model(
                {"b": "swin_base_patch4_window7_224", "l": "swin_large_patch4_window7_224"}[variant],
                in_chans=6,
                num_classes=0,
            )
        assert network.out.levels == tuple(FeatureLevel(width << stage, 4 << stage) for stage in range(4))
        count = sum(parameter.numel() for parameter in network.network.parameters())
        assert count == sum(parameter.numel() for parameter in theirs.parameters()) - 2 * 8 * width


@pytest.mark.parametrize("size", [(64, 64), (32, 96)])
def test_chosen_stages_are_those_of_the_whole_network(trained: PrithviSwin, hls: Inputs, size: tuple[int, int]) -> None:
    part = PrithviSwin(hls, out_indices=(0, -2)).eval()
    wanted = part.state_dict()
    part.load_state_dict({name: value for name, value in trained.state_dict().items() if name in wanted}, strict=True)
    assert part.out.levels == (FeatureLevel(16, 4), FeatureLevel(64, 16))
    assert part.size_multiple == 16
    image = torch.randn(2, 6, *size)
    with torch.no_grad():
        for given, expected in zip(encode(part, image), encode(trained, image)[::2], strict=True):
            torch.testing.assert_close(given, expected, rtol=0, atol=0)


def test_each_map_is_standardised_cell_by_cell(hls: Inputs) -> None:
    for level in encode(PrithviSwin(hls).eval(), torch.randn(1, 6, 1, 64, 64)):
        torch.testing.assert_close(level.mean(1), torch.zeros(1, *level.shape[2:]), rtol=0, atol=1e-5)
        torch.testing.assert_close(level.var(1, correction=0), torch.ones(1, *level.shape[2:]), rtol=0, atol=1e-3)


def test_checkpointing_changes_nothing_but_memory(trained: PrithviSwin, hls: Inputs) -> None:
    thrifty = PrithviSwin(hls, gradient_checkpointing=True)
    thrifty.load_state_dict(trained.state_dict())
    image = torch.randn(1, 6, 32, 32)
    for network in (trained.train(), thrifty.train()):
        sum((level**3).sum() for level in encode(network, image)).backward()
    for ours, same in zip(trained.parameters(), thrifty.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, same.grad)


def test_it_can_be_exported_and_compiled(trained: PrithviSwin) -> None:
    images = images_of([SOURCE], torch.randn(1, 6, 32, 64))
    expected = trained(images)
    for network in (
        torch.export.export(trained, (images,)).module(),
        torch.compile(trained, backend="eager", fullgraph=True),
    ):
        for given, level in zip(network(images), expected, strict=True):
            torch.testing.assert_close(given, level)


def test_options_that_cannot_be_are_refused(hls: Inputs, make_raster: Callable[..., RasterSpec]) -> None:
    for indices in [(), (4,), (2, 1), (1, 1)]:
        with pytest.raises(ComponentError, match="'out_indices' must name blocks"):
            PrithviSwin(hls, out_indices=indices)
    with pytest.raises(ComponentError, match="drop_path: Input should be less than 1"):
        build(Encoder, ENCODERS, ComponentConfig(name="prithvi_swin", drop_path=1.0), hls)
    with pytest.raises(ComponentError, match="No weights of 'prithvi_swin b' are published"):
        PrithviSwin(hls, pretrained=True)
    with pytest.raises(SpecError, match="'prithvi_swin' sees one date"):
        PrithviSwin(one(make_raster(6, steps=2)))


def test_windows_may_be_made_whole_before_they_are_shifted(hls: Inputs) -> None:
    encoder = PrithviSwin(hls, pads_before_shift=True).eval()
    block = encoder.network.layers[1].blocks[1]
    plain = PrithviSwin(hls).eval().network.layers[1].blocks[1]
    plain.load_state_dict(block.state_dict())
    cells = torch.randn(1, 10, 9, 32)
    whole = torch.zeros(1, 14, 14, 32)
    whole[:, :10, :9] = cells
    # Of whole windows timm's block is right; what is shifted is then the padded map.
    torch.testing.assert_close(block._attn(cells), plain._attn(whole)[:, :10, :9])
    assert not torch.allclose(plain._attn(cells), block._attn(cells))
    torch.testing.assert_close(block._attn(whole), plain._attn(whole), rtol=0, atol=0)


def test_the_last_patches_of_an_image_are_filled_up_by_its_edge(hls: Inputs) -> None:
    encoder = PrithviSwin(hls).eval()
    image = torch.randn(1, 6, 30, 33)
    grown = nn.functional.pad(image, (0, 3, 0, 2), mode="replicate")
    for given, expected in zip(encode(encoder, image), encode(encoder, grown), strict=True):
        torch.testing.assert_close(given, expected, rtol=0, atol=0)

"""The published files of Prithvi, as their layout is documented, go into our networks whole and to the right place."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from asking import SOURCE, one
from groundwork.config.component import ComponentConfig
from groundwork.errors import ComponentError, WeightsError
from groundwork.models.encoders import ENCODERS
from groundwork.models.encoders.base import Encoder
from groundwork.models.encoders.prithvi import weights as prithvi_weights
from groundwork.models.encoders.prithvi.adapter import PrithviViTAdapter
from groundwork.models.encoders.prithvi.mae import PrithviMAE
from groundwork.models.encoders.prithvi.options import PromptTuning
from groundwork.models.encoders.prithvi.variants import HLS_BANDS, VARIANTS, PrithviVariant, describe
from groundwork.models.encoders.prithvi.vit import PrithviViT
from groundwork.models.weights import hub
from groundwork.models.weights.file import WeightsFile
from groundwork.models.without_memory import without_memory
from groundwork.registry import build
from groundwork.specs import RasterSpec

Weights = dict[str, Tensor]
#: Name -> width, depth, patch, knows dates and places, frames, width and depth of the decoder, and the numbers of
#: parameters of encoder and decoder in millions: as published.
TABLE = {
    "prithvi_eo_tiny": (256, 4, 16, False, 1, 128, 4, 3.55, 1.02),
    "prithvi_eo_v1_100": (768, 12, 16, False, 3, 512, 8, 86.24, 26.40),
    "prithvi_eo_v2_tiny_tl": (192, 12, 16, True, 1, 512, 8, 5.63, 26.11),
    "prithvi_eo_v2_100_tl": (768, 12, 16, True, 4, 512, 8, 86.24, 26.40),
    "prithvi_eo_v2_300": (1024, 24, 16, False, 4, 512, 8, 303.89, 26.53),
    "prithvi_eo_v2_300_tl": (1024, 24, 16, True, 4, 512, 8, 303.89, 26.53),
    "prithvi_eo_v2_600": (1280, 32, 14, False, 4, 512, 8, 631.19, 26.48),
    "prithvi_eo_v2_600_tl": (1280, 32, 14, True, 4, 512, 8, 631.19, 26.48),
}
FILES = {
    "prithvi_eo_v1_100": "ibm-nasa-geospatial/Prithvi-EO-1.0-100M/Prithvi_EO_V1_100M.pt",
    "prithvi_eo_v2_tiny_tl": "ibm-nasa-geospatial/Prithvi-EO-2.0-tiny-TL/Prithvi_EO_V2_tiny_TL.pt",
    "prithvi_eo_v2_100_tl": "ibm-nasa-geospatial/Prithvi-EO-2.0-100M-TL/Prithvi_EO_V2_100M_TL.pt",
    "prithvi_eo_v2_300": "ibm-nasa-geospatial/Prithvi-EO-2.0-300M/Prithvi_EO_V2_300M.pt",
    "prithvi_eo_v2_300_tl": "ibm-nasa-geospatial/Prithvi-EO-2.0-300M-TL/Prithvi_EO_V2_300M_TL.pt",
    "prithvi_eo_v2_600": "ibm-nasa-geospatial/Prithvi-EO-2.0-600M/Prithvi_EO_V2_600M.pt",
    "prithvi_eo_v2_600_tl": "ibm-nasa-geospatial/Prithvi-EO-2.0-600M-TL/Prithvi_EO_V2_600M_TL.pt",
}
TINY = "prithvi_eo_v2_tiny_tl"
SMALL = PrithviVariant(
    32, 2, 2, learned_scale=True, decoder_dim=16, decoder_depth=1, decoder_heads=2, weights=FILES[TINY]
)


def hls(*bands: str, steps: int = 1) -> RasterSpec:
    layout = "steps_first" if steps > 1 else None
    return RasterSpec(bands=bands or HLS_BANDS, dtype="int16", nodata=None, steps=steps, layout=layout)


def told(path: Path, *bands: str) -> WeightsFile:
    """Name a file whose bands nothing else says."""
    return WeightsFile(file=str(path), bands=bands or HLS_BANDS)


def block(prefix: str, dim: int) -> dict[str, tuple[int, ...]]:
    layers = {"attn.qkv": (3 * dim, dim), "attn.proj": (dim, dim), "mlp.fc1": (4 * dim, dim), "mlp.fc2": (dim, 4 * dim)}
    shapes: dict[str, tuple[int, ...]] = {}
    for name, shape in (layers | {"norm1": (dim,), "norm2": (dim,)}).items():
        shapes |= {f"{prefix}.{name}.weight": shape, f"{prefix}.{name}.bias": shape[:1]}
    return shapes


def official(
    dim: int, depth: int, patch: int, coordinates: bool, frames: int, width: int, decoder_depth: int, side: int = 224
) -> tuple[dict[str, tuple[int, ...]], dict[str, tuple[int, ...]]]:
    """Names and shapes of encoder and decoder, without the prefixes of version 2."""
    tokens = 1 + frames * (side // patch) ** 2
    encoder = {"cls_token": (1, 1, dim), "pos_embed": (1, tokens, dim)}
    encoder |= {"patch_embed.proj.weight": (dim, 6, 1, patch, patch), "patch_embed.proj.bias": (dim,)}
    encoder |= {"norm.weight": (dim,), "norm.bias": (dim,)}
    decoder = {"mask_token": (1, 1, width), "decoder_pos_embed": (1, tokens, width)}
    decoder |= {"decoder_embed.weight": (width, dim), "decoder_embed.bias": (width,)}
    decoder |= {"decoder_norm.weight": (width,), "decoder_norm.bias": (width,)}
    decoder |= {"decoder_pred.weight": (patch * patch * 6, width), "decoder_pred.bias": (patch * patch * 6,)}
    for index in range(depth):
        encoder |= block(f"blocks.{index}", dim)
    for index in range(decoder_depth):
        decoder |= block(f"decoder_blocks.{index}", width)
    if coordinates:
        encoder |= {"temporal_embed_enc.scale": (1,), "location_embed_enc.scale": (1,)}
        decoder |= {"temporal_embed_dec.scale": (1,), "location_embed_dec.scale": (1,)}
    return encoder, decoder


def draw(shapes: dict[str, tuple[int, ...]], prefix: str = "") -> Weights:
    return {prefix + name: torch.randn(shape) for name, shape in shapes.items()}


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> tuple[Weights, Weights]:
    """A network of two blocks under the name of tiny; weights of its encoder and decoder."""
    monkeypatch.setitem(VARIANTS, TINY, SMALL)
    encoder, decoder = official(32, 2, 16, True, 1, 16, 1, side=32)
    return draw(encoder), draw(decoder)


@pytest.mark.parametrize("variant", TABLE)
def test_networks_have_the_published_names_shapes_and_numbers_of_parameters(variant: str) -> None:
    *sizes, encoder_millions, decoder_millions = TABLE[variant]
    encoder, decoder = official(*sizes)
    coordinates = ("time", "location") if TABLE[variant][3] else ()
    with without_memory():
        network = PrithviMAE(one(hls(steps=TABLE[variant][4])), variant=variant, coordinates=coordinates)
    expected = {f"encoder.{name}": shape for name, shape in encoder.items()}
    expected |= {f"decoder.{name}": shape for name, shape in decoder.items()}
    assert {name: tuple(value.shape) for name, value in network.state_dict().items()} == expected
    for part, millions in ((network.encoder, encoder_millions), (network.decoder, decoder_millions)):
        assert round(sum(parameter.numel() for parameter in part.parameters()) / 1e6, 2) == millions


@pytest.mark.parametrize("variant", TABLE)
@pytest.mark.parametrize("kind", [PrithviViT, PrithviMAE])
def test_each_published_file_leaves_nothing_out(
    variant: str, kind: type[PrithviViT] | type[PrithviMAE], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    encoder, decoder = official(*TABLE[variant][:7])
    is_flat = variant == "prithvi_eo_v1_100"
    with without_memory():
        file = draw(encoder, "" if is_flat else "encoder.") | draw(decoder, "" if is_flat else "decoder.")
        monkeypatch.setattr(prithvi_weights, "read_weights", lambda path: file)
        coordinates = ("time", "location") if TABLE[variant][3] else ()
        weights = str(tmp_path / Path(FILES[variant]).name) if variant in FILES else told(tmp_path)
        network = kind(one(hls()), variant=variant, coordinates=coordinates, pretrained=True, weights=weights)
    report = network.loaded if isinstance(network, PrithviMAE) else network.loaded[SOURCE]
    assert report is not None
    assert report.fresh == ()
    assert set(report.loaded) == {name for name in network.state_dict() if not name.endswith("pos_embed")}
    positions = {name for name in file if name.endswith("pos_embed")}
    painter = {name for name in file if "dec" in name or "mask_token" in name}
    assert set(report.skipped) == (positions if kind is PrithviMAE else positions | painter)


def test_every_network_is_fetched_by_its_published_name(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def fetch(repository: str, file: str) -> Path:
        asked.append(f"{repository}/{file}")
        return Path("nowhere")

    monkeypatch.setattr(hub, "fetch", fetch)
    for variant in FILES:
        with without_memory(), pytest.raises(WeightsError, match="nowhere do not exist"):
            PrithviViT(one(hls()), variant=variant, pretrained=True)  # type: ignore[arg-type]
    assert asked == list(FILES.values())


def as_version_1(encoder: Weights, decoder: Weights) -> Any:
    return encoder | decoder


def as_version_2(encoder: Weights, decoder: Weights) -> Any:
    parts = {f"encoder.{name}": value for name, value in encoder.items()}
    return parts | {f"decoder.{name}": value for name, value in decoder.items()}


def as_timm_module(encoder: Weights, _: Weights) -> Any:
    return {f"_timm_module.{name}": value for name, value in encoder.items()}


def as_fine_tuned(encoder: Weights, _: Weights) -> Any:
    weights = {f"model.encoder.{name}": value for name, value in encoder.items()}
    others = {
        "model.decoder.convs.0.weight": torch.zeros(3),
        "model.head.bias": torch.zeros(2),
        "loss.w": torch.ones(1),
    }
    return {"epoch": 3, "state_dict": weights | others}


def as_old_fine_tuned(encoder: Weights, _: Weights) -> Any:
    return {"state_dict": {f"model.encoder._timm_module.{name}": value for name, value in encoder.items()}}


LAYOUTS = [as_version_1, as_version_2, as_timm_module, as_fine_tuned, as_old_fine_tuned]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("steps", [1, 3])
def test_encoder_reads_every_layout(
    layout: Callable[..., Any], steps: int, small: tuple[Weights, Weights], tmp_path: Path
) -> None:
    torch.save(layout(*small), tmp_path / "weights.pt")
    network = PrithviViT(
        one(hls(steps=steps)),
        coordinates=("time", "location"),
        image_size=32,
        pretrained=True,
        weights=told(tmp_path / "weights.pt"),
    )
    for name, value in network.state_dict().items():
        if name != "pos_embed":
            torch.testing.assert_close(value, small[0][name], rtol=0, atol=0)
    assert network.loaded[SOURCE].source == str(tmp_path / "weights.pt")
    assert network.loaded[SOURCE].bands == HLS_BANDS
    assert any(name.endswith("pos_embed") for name in network.loaded[SOURCE].skipped)
    # Position codes are those of this network, not the random numbers of the file.
    torch.testing.assert_close(network.pos_embed, PrithviViT(one(hls(steps=steps)), image_size=32).pos_embed)


@pytest.mark.parametrize("layout", [as_version_1, as_version_2])
def test_autoencoder_reads_both_versions_and_safetensors(
    layout: Callable[..., Any], small: tuple[Weights, Weights], tmp_path: Path
) -> None:
    path = tmp_path / "weights.safetensors"
    save_file(layout(*small), path)
    network = PrithviMAE(
        one(hls()), coordinates=("time", "location"), image_size=32, pretrained=True, weights=told(path)
    )
    own = network.state_dict()
    for part, weights in zip(("encoder", "decoder"), small, strict=True):
        for name, value in weights.items():
            if not name.endswith("pos_embed"):
                torch.testing.assert_close(own[f"{part}.{name}"], value, rtol=0, atol=0)


def test_file_of_an_encoder_alone_is_no_autoencoder(small: tuple[Weights, Weights], tmp_path: Path) -> None:
    torch.save(as_fine_tuned(*small), tmp_path / "weights.pt")
    with pytest.raises(WeightsError, match=r"missing in the file: decoder\.mask_token"):
        PrithviMAE(one(hls()), image_size=32, pretrained=True, weights=told(tmp_path / "weights.pt"))


def test_what_the_network_lacks_is_skipped_and_named(small: tuple[Weights, Weights], tmp_path: Path) -> None:
    torch.save(as_version_2(*small), tmp_path / "weights.pt")
    network = PrithviViT(one(hls()), image_size=32, pretrained=True, weights=told(tmp_path / "weights.pt"))
    unused = {"encoder.temporal_embed_enc.scale", "encoder.location_embed_enc.scale", "encoder.pos_embed"}
    assert set(network.loaded[SOURCE].skipped) == unused | {f"decoder.{name}" for name in small[1]}


def test_bands_are_matched_by_name(small: tuple[Weights, Weights], tmp_path: Path) -> None:
    torch.save(as_version_2(*small), tmp_path / "weights.pt")
    inputs = one(hls("SWIR_1", "VV", "BLUE"))
    torch.manual_seed(5)
    fresh = PrithviMAE(inputs, image_size=32)
    torch.manual_seed(5)
    network = PrithviMAE(inputs, image_size=32, pretrained=True, weights=told(tmp_path / "weights.pt"))
    assert network.loaded is not None
    assert network.loaded.bands == ("SWIR_1", "BLUE")
    given, file = network.encoder.patch_embed.proj.weight, small[0]["patch_embed.proj.weight"]
    torch.testing.assert_close(given[:, 0], file[:, 4], rtol=0, atol=0)
    torch.testing.assert_close(given[:, 1], fresh.encoder.patch_embed.proj.weight[:, 1], rtol=0, atol=0)
    torch.testing.assert_close(given[:, 2], file[:, 0], rtol=0, atol=0)
    # The last layer paints pixel by pixel, and for each pixel band by band.
    for name in ("weight", "bias"):
        painted, painter = getattr(network.decoder.decoder_pred, name), small[1][f"decoder_pred.{name}"]
        torch.testing.assert_close(painted[0::3], painter[4::6], rtol=0, atol=0)
        torch.testing.assert_close(painted[1::3], getattr(fresh.decoder.decoder_pred, name)[1::3], rtol=0, atol=0)
        torch.testing.assert_close(painted[2::3], painter[0::6], rtol=0, atol=0)


@pytest.mark.parametrize("count", [4, 6])
def test_files_that_do_not_say_their_bands_are_refused(
    count: int, small: tuple[Weights, Weights], tmp_path: Path
) -> None:
    small[0]["patch_embed.proj.weight"] = torch.zeros(32, count, 1, 16, 16)
    # Neither a name nor the number of bands makes a fine-tuned file the published one.
    for path in (tmp_path / "weights.pt", tmp_path / "Prithvi_EO_V2_tiny_TL.pt"):
        torch.save(as_fine_tuned(*small), path)
        with pytest.raises(WeightsError) as raised:
            PrithviViT(one(hls()), image_size=32, pretrained=True, weights=str(path))
        message = str(raised.value)
        assert f"{path}: its first layer takes {count} bands, and nothing says which" in message
        names = "BLUE, GREEN, RED, NIR_NARROW, SWIR_1, SWIR_2" if count == 6 else "BAND_1, BAND_2, BAND_3, BAND_4"
        assert f"Write weights: {{file: {path}, bands: [{names}]}}" in message
    with pytest.raises(WeightsError, match=rf"takes {count} bands, but 2 are named: \['RED', 'VV'\]"):
        PrithviViT(one(hls()), image_size=32, pretrained=True, weights=told(path, "RED", "VV"))


def test_the_published_file_needs_no_bands_under_its_own_name(small: tuple[Weights, Weights], tmp_path: Path) -> None:
    path = tmp_path / "Prithvi_EO_V2_tiny_TL.pt"
    torch.save(as_version_2(*small), path)
    network = PrithviViT(one(hls()), image_size=32, pretrained=True, weights=str(path))
    torch.testing.assert_close(network.patch_embed.proj.weight, small[0]["patch_embed.proj.weight"])
    torch.save(as_version_2(*small), tmp_path / "other.pt")
    with pytest.raises(WeightsError, match=r"By name or content it is not ibm-nasa.*Prithvi_EO_V2_tiny_TL.pt"):
        PrithviViT(one(hls()), image_size=32, pretrained=True, weights=str(tmp_path / "other.pt"))


def test_bands_of_fine_tuned_files_are_stated_or_described(small: tuple[Weights, Weights], tmp_path: Path) -> None:
    bands = ("RED", "GREEN", "BLUE", "VV", "NIR_NARROW", "SWIR_1")
    fine_tuned = as_fine_tuned(*small)
    path = tmp_path / "fine_tuned.safetensors"
    flat = {name: value.contiguous() for name, value in fine_tuned["state_dict"].items()}
    save_file(flat, path)
    stated = PrithviViT(one(hls("VV", "RED")), image_size=32, pretrained=True, weights=told(path, *bands))
    save_file(flat, path, metadata={"bands": json.dumps(bands)})
    described = PrithviViT(one(hls("VV", "RED")), image_size=32, pretrained=True, weights=str(path))
    bundle = tmp_path / "weights.safetensors"
    save_file(flat, bundle)
    inputs = {"hls": hls(*bands, "DEM").model_copy(update={"use": bands}).model_dump(mode="json")}
    (tmp_path / "bundle.json").write_text(json.dumps({"inputs": inputs}))
    ours = PrithviViT(one(hls("VV", "RED")), image_size=32, pretrained=True, weights=str(bundle))
    for network in (stated, described, ours):
        assert network.loaded[SOURCE].bands == ("VV", "RED")
        assert network.loaded[SOURCE].partly == ()
        # The band VV is no contradiction; statistics of pre-training say nothing of it.
        assert network.info[SOURCE].bands == bands
        assert network.info[SOURCE].mean == ()
        for own, there in ((0, 3), (1, 0)):
            file = small[0]["patch_embed.proj.weight"][:, there]
            torch.testing.assert_close(network.patch_embed.proj.weight[:, own], file, rtol=0, atol=0)
    with pytest.raises(WeightsError, match=r"says that it was trained on the bands \['RED', .* 'weights' states"):
        PrithviViT(one(hls()), image_size=32, pretrained=True, weights=told(path))
    (tmp_path / "bundle.json").write_text("{")
    with pytest.raises(WeightsError, match=r"describes the bands of .*weights.safetensors cannot be read"):
        PrithviViT(one(hls()), image_size=32, pretrained=True, weights=str(bundle))


def test_statistics_follow_the_order_of_the_bands(small: tuple[Weights, Weights], tmp_path: Path) -> None:
    torch.save(as_fine_tuned(*small), tmp_path / "weights.pt")
    weights = told(tmp_path / "weights.pt", *reversed(HLS_BANDS))
    network = PrithviViT(one(hls("BLUE")), image_size=32, pretrained=True, weights=weights)
    torch.testing.assert_close(network.patch_embed.proj.weight[:, 0], small[0]["patch_embed.proj.weight"][:, 5])
    assert network.info[SOURCE].mean == (1363, 1958, 2734, 1433, 1342, 1087)


def test_blocks_behind_the_last_are_skipped(small: tuple[Weights, Weights], tmp_path: Path) -> None:
    torch.save(as_version_2(*small), tmp_path / "weights.pt")
    weights = told(tmp_path / "weights.pt")
    network = PrithviViT(one(hls()), image_size=32, out_indices=(0,), pretrained=True, weights=weights)
    assert network.loaded[SOURCE].fresh == ()
    assert {"encoder.norm.weight", "encoder.blocks.1.attn.qkv.weight"} <= set(network.loaded[SOURCE].skipped)
    torch.testing.assert_close(network.blocks[0].mlp.fc1.weight, small[0]["blocks.0.mlp.fc1.weight"])


def test_other_patches_leave_the_first_layer_fresh(small: tuple[Weights, Weights], tmp_path: Path) -> None:
    torch.save(as_version_2(*small), tmp_path / "weights.pt")
    network = PrithviViT(
        one(hls()),
        image_size=32,
        pretrained=True,
        weights=told(tmp_path / "weights.pt"),
        patch_size=8,
    )
    assert network.loaded[SOURCE].fresh == ("patch_embed.proj.weight",)
    assert "encoder.patch_embed.proj.weight" in network.loaded[SOURCE].skipped
    assert network.loaded[SOURCE].bands == ()
    torch.testing.assert_close(network.norm.weight, small[0]["norm.weight"])


def test_prompts_stay_fresh(small: tuple[Weights, Weights], tmp_path: Path) -> None:
    torch.save(as_version_2(*small), tmp_path / "weights.pt")
    weights, prompts = told(tmp_path / "weights.pt"), PromptTuning(tokens=3)
    network = PrithviViT(one(hls()), image_size=32, pretrained=True, weights=weights, prompts=prompts)
    assert network.loaded[SOURCE].fresh == ("vpt_prompt_embeddings.0", "vpt_prompt_embeddings.1")


def test_adapter_reads_the_transformer_and_stays_fresh_itself(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(VARIANTS, TINY, PrithviVariant(32, 4, 2, learned_scale=True))
    encoder, decoder = (draw(part) for part in official(32, 4, 16, True, 1, 16, 1, side=32))
    torch.save(as_version_2(encoder, decoder), tmp_path / "weights.pt")
    network = PrithviViTAdapter(one(hls()), image_size=32, pretrained=True, weights=told(tmp_path / "weights.pt"))
    assert set(network.loaded[SOURCE].loaded) == {f"vit.{name}" for name in encoder if "embed_enc" not in name} - {
        "vit.pos_embed"
    }
    assert not any(name.startswith("vit.") for name in network.loaded[SOURCE].fresh)
    torch.testing.assert_close(network.vit.blocks[3].mlp.fc2.weight, encoder["blocks.3.mlp.fc2.weight"])


def test_weights_of_another_variant_are_refused(small: tuple[Weights, Weights], tmp_path: Path) -> None:
    torch.save(as_version_2(*small), tmp_path / "weights.pt")
    with without_memory(), pytest.raises(WeightsError, match="weights of another network"):
        PrithviViT(one(hls()), variant="prithvi_eo_v2_300", pretrained=True, weights=told(tmp_path / "weights.pt"))


def test_options_that_contradict_each_other_are_refused() -> None:
    with without_memory():
        with pytest.raises(ComponentError, match=r"'weights' names w\.pt, but .*Set 'pretrained: true'"):
            PrithviViT(one(hls()), weights="w.pt")
        with pytest.raises(ComponentError, match="No weights of 'prithvi_eo_tiny' are published"):
            PrithviViT(one(hls()), variant="prithvi_eo_tiny", pretrained=True)
        for kind in (PrithviViT, PrithviMAE, PrithviViTAdapter):
            with pytest.raises(ComponentError, match=r"trained without dates.*'prithvi_eo_v2_300_tl'"):
                kind(one(hls()), variant="prithvi_eo_v2_300", pretrained=True, coordinates=("time",))


def test_unknown_variant_and_nested_option_are_explained() -> None:
    words = {"variant": "prithvi_eo_v3", "prompts": {"tokns": 2}}
    with pytest.raises(ComponentError) as raised:
        build(Encoder, ENCODERS, ComponentConfig(name="prithvi_vit", **words), one(hls()))
    message = str(raised.value)
    assert "'prithvi_eo_v2_300_tl'" in message
    assert "prompts: Unknown key 'tokns'. Did you mean 'tokens'?" in message
    with pytest.raises(ComponentError, match=r"no option 'drop_pth'\. Did you mean 'drop_path'"):
        build(Encoder, ENCODERS, ComponentConfig(name="prithvi_vit", drop_pth=0.1), one(hls()))


def test_weights_say_what_they_expect() -> None:
    first, second = describe("prithvi_eo_v1_100"), describe("prithvi_eo_v2_600_tl")
    assert first is not None
    assert second is not None
    assert describe("prithvi_eo_tiny") is None
    assert first.bands == second.bands == ("BLUE", "GREEN", "RED", "NIR_NARROW", "SWIR_1", "SWIR_2")
    assert first.mean == (775, 1081, 1229, 2497, 2204, 1611)
    assert first.std == (1282, 1270, 1399, 1368, 1292, 1155)
    assert second.mean == (1087, 1342, 1433, 2734, 1958, 1363)
    assert second.std == (2248, 2179, 2178, 1850, 1242, 1049)
    assert (first.patch_size, second.patch_size, first.steps, second.steps) == (16, 14, 3, 4)
    assert (second.unit, second.scale, second.pixel_size_m, second.licence) == ("reflectance", 1e-4, 30, "Apache-2.0")


def test_listing_the_networks_imports_no_torch() -> None:
    code = (
        "import sys, groundwork.models.encoders.prithvi.variants, groundwork.models.encoders.prithvi.options;"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

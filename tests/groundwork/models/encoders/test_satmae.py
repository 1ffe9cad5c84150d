"""SatMAE gives what its own code gave for the same weights, takes its files, and says what it cannot take.

The numbers were recorded once: ``models_vit_group_channels.py`` and ``models_vit.py`` of
https://github.com/sustainlab-group/SatMAE were built with the sizes of :func:`sizes` (no class code of groups), filled
by :func:`wave_of` by their own names (their sine and cosine tables apart), and given :func:`image_of`; taken are the
tokens behind the first block and behind the norm, averaged over the groups.
"""

from __future__ import annotations

import subprocess
import sys
from argparse import Namespace
from collections.abc import Callable
from math import prod
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from asking import SOURCE, encode, images_of, one
from groundwork.errors import ComponentError, SpecError, WeightsError
from groundwork.models.encoders.satmae.encoder import SatMAEEncoder
from groundwork.models.encoders.satmae.variants import VARIANTS, SatMAEVariant, describe
from groundwork.models.expectations import statistics_of
from groundwork.specs import RasterSpec

RGB, SPECTRA = "satmae_large_rgb", "satmae_base_sentinel2"
S2 = (
    *("BLUE", "GREEN", "RED", "RED_EDGE_1", "RED_EDGE_2", "RED_EDGE_3"),
    *("NIR_BROAD", "NIR_NARROW", "SWIR_1", "SWIR_2"),
)
COLOURS = ("RED", "GREEN", "BLUE")


def wave_of(name: str, shape: tuple[int, ...]) -> Tensor:
    """Weights by a formula: a wave whose phase is the sum of the bytes of the name."""
    wave = torch.sin(torch.arange(prod(shape), dtype=torch.float64) * 0.37 + sum(name.encode())).reshape(shape)
    return 0.1 * wave.float() + (1.0 if "norm" in name and name.endswith("weight") else 0.0)


def image_of(*shape: int) -> Tensor:
    return torch.sin(torch.arange(prod(shape), dtype=torch.float64) * 0.11).float().reshape(shape)


def raster(*bands: str, steps: int = 1) -> RasterSpec:
    layout = "steps_first" if steps > 1 else None
    return RasterSpec(bands=bands, dtype="float32", nodata=None, steps=steps, layout=layout)


def build(*bands: str, variant: str = SPECTRA, **options: Any) -> SatMAEEncoder:
    return SatMAEEncoder(one(raster(*bands)), variant=variant, **options).eval()  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    spectra, colours = VARIANTS[SPECTRA].groups, VARIANTS[RGB].groups
    monkeypatch.setitem(VARIANTS, SPECTRA, SatMAEVariant(32, 2, 2, 8, 32, spectra, 16, "https://zenodo.org/a.pth"))
    monkeypatch.setitem(VARIANTS, RGB, SatMAEVariant(32, 2, 2, 16, 32, colours, 0, "https://zenodo.org/b.pth"))


def published(variant: str, **others: Tensor) -> dict[str, Tensor]:
    """Weights in the layout of the published files of pre-training, which hold a decoder as well."""
    places = {f"patch_embed.{group}": bands for group, bands in enumerate((4, 4, 2))}
    places, side = (places, 8) if variant == SPECTRA else ({"patch_embed": 3}, 16)
    shapes: dict[str, tuple[int, ...]] = {"cls_token": (1, 1, 32), "norm.weight": (32,), "norm.bias": (32,)}
    for place, bands in places.items():
        shapes |= {f"{place}.proj.weight": (32, bands, side, side), f"{place}.proj.bias": (32,)}
    for index in range(2):
        start = f"blocks.{index}"
        shapes |= {f"{start}.{norm}.{part}": (32,) for norm in ("norm1", "norm2") for part in ("weight", "bias")}
        linear = {"attn.qkv": (96, 32), "attn.proj": (32, 32), "mlp.fc1": (128, 32), "mlp.fc2": (32, 128)}
        for name, shape in linear.items():
            shapes |= {f"{start}.{name}.weight": shape, f"{start}.{name}.bias": shape[:1]}
    shapes |= {"mask_token": (1, 1, 8), "decoder_embed.weight": (8, 32), "decoder_blocks.0.norm1.bias": (8,)}
    weights = {name: wave_of(name, shape) for name, shape in shapes.items()}
    angles = 1 / 10000 ** (torch.arange(8, dtype=torch.float64) / 8)
    if variant == SPECTRA:
        groups = [torch.cat([(group * angles).sin(), (group * angles).cos()]) for group in range(3)]
        weights["channel_embed"] = torch.stack(groups).float().unsqueeze(0)
    fresh = build(*(S2 if variant == SPECTRA else COLOURS), variant=variant)
    return weights | {"pos_embed": fresh.pos_embed} | others


def save(folder: Path, weights: dict[str, Tensor]) -> str:
    content = {"model": weights, "optimizer": {"state": {}}, "epoch": 199, "args": Namespace(lr=1e-4, world_size=8)}
    torch.save(content, folder / "satmae.pth")
    return str(folder / "satmae.pth")


RECORDED = {
    SPECTRA: (S2, [[-0.510418, 0.211772, 0.922095, 1.910042], [-0.400838, 0.137198, 0.464891, 0.666199]]),
    RGB: (COLOURS, [[0.473567, 1.748101, 0.760748, 1.64385], [0.789536, 2.347099, 0.768609, 0.868975]]),
}


@pytest.mark.parametrize("variant", RECORDED)
def test_encoder_gives_what_satmae_gave(variant: str, tmp_path: Path) -> None:
    bands, expected = RECORDED[variant]
    encoder = build(*bands, variant=variant, pretrained=True, weights=save(tmp_path, published(variant)))
    with torch.no_grad():
        maps = encode(encoder, image_of(2, len(bands), 32, 32))
    given = [level[1, [0, 9, 18, 27], 1, 0].tolist() for level in maps]
    torch.testing.assert_close(torch.tensor(given), torch.tensor(expected), rtol=0, atol=1e-5)


def test_places_and_groups_are_coded() -> None:
    encoder = build(*S2)
    angles = 1 / 10000 ** (torch.arange(4, dtype=torch.float64) / 4)
    # The cell in row 2, column 3 of 4 * 4, behind the class token.
    expected = torch.cat([(3 * angles).sin(), (3 * angles).cos(), (2 * angles).sin(), (2 * angles).cos()])
    torch.testing.assert_close(encoder.pos_embed[0, 1 + 2 * 4 + 3].double(), expected, atol=1e-6, rtol=0)
    assert torch.all(encoder.pos_embed[0, 0] == 0)
    torch.testing.assert_close(encoder.channel_embed, published(SPECTRA)["channel_embed"])


@pytest.mark.parametrize("variant", RECORDED)
def test_published_layout_goes_in_whole(variant: str, tmp_path: Path) -> None:
    content = published(variant)
    bands, _ = RECORDED[variant]
    encoder = build(*bands, variant=variant, pretrained=True, weights=save(tmp_path, content))
    own, report = encoder.state_dict(), encoder.loaded[SOURCE]
    assert report.fresh == ()
    assert set(report.loaded) == set(own)
    assert set(report.skipped) == {"mask_token", "decoder_embed.weight", "decoder_blocks.0.norm1.bias"}
    assert set(report.bands) == set(bands)
    if variant == RGB:
        assert all(torch.equal(own[name], content[name]) for name in report.loaded)


def test_bands_are_chosen_by_name_and_empty_groups_left_out(tmp_path: Path) -> None:
    content = published(SPECTRA)
    file = save(tmp_path, content)
    encoder = build("SWIR_2", "RED", "BLUE", pretrained=True, weights=file)
    own, report = encoder.state_dict(), encoder.loaded[SOURCE]
    assert report.bands == ("BLUE", "RED", "SWIR_2")
    assert "patch_embed.1.proj.weight" in report.skipped
    assert torch.equal(own["patch_embed.0.proj.weight"], content["patch_embed.0.proj.weight"][:, [0, 2]])
    assert torch.equal(own["patch_embed.2.proj.weight"], content["patch_embed.2.proj.weight"][:, [1]])
    # A band that is left out counts as 0 within its group.
    part = image_of(2, 3, 32, 32)
    whole = torch.cat([part, torch.zeros(2, 2, 32, 32)], dim=1)
    five = build("SWIR_2", "RED", "BLUE", "NIR_BROAD", "SWIR_1", pretrained=True, weights=file)
    torch.testing.assert_close(encode(five, whole), encode(encoder, part))


def test_early_blocks_leave_out_what_comes_behind(tmp_path: Path) -> None:
    file = save(tmp_path, published(SPECTRA))
    encoder = build(*S2, pretrained=True, weights=file, out_indices=(0,))
    assert {"norm.weight", "blocks.1.attn.qkv.weight"} <= set(encoder.loaded[SOURCE].skipped)
    image = image_of(2, 10, 24, 40)
    torch.testing.assert_close(encode(encoder, image), encode(build(*S2, pretrained=True, weights=file), image)[:1])


def test_statistics_bring_values_between_0_and_1(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    bands = [{"name": "SWIR_1", "unit": "reflectance", "scale": 1e-4}]
    means, stds = statistics_of(describe(SPECTRA), RasterSpec(bands=bands, dtype="uint16", nodata=None))
    assert means == pytest.approx([1732.16362238 - 2 * 1310.36996126])
    assert stds == pytest.approx([4 * 1310.36996126])
    colours = describe(RGB)
    assert colours.bands == COLOURS
    assert colours.mean[0] == pytest.approx(255 * 0.4182007)
    assert (describe(SPECTRA).image_size, colours.image_size) == (96, 224)


def test_compiled_encoder_gives_the_same() -> None:
    encoder = build(*S2)
    images = images_of([SOURCE], image_of(2, 10, 24, 40))
    torch.testing.assert_close(torch.compile(encoder, backend="eager", fullgraph=True)(images), encoder(images))


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: build("RED", "CIRRUS"), SpecError, r"never saw the bands \['CIRRUS'\].*leave them out of 'use'"),
        (
            lambda: build("RED", "SWIR_1", variant=RGB),
            SpecError,
            r"take a variant that did: \['satmae_base_sentinel2', 'satmae_large_sentinel2'\]",
        ),
        (lambda: SatMAEEncoder(one(raster("RED", steps=2))), SpecError, "'satmae' sees one date, the rasters hold 2"),
        (lambda: build("RED", out_indices=(2,)), ComponentError, "from 0 to 1"),
        (lambda: build("RED", weights="a.pth"), ComponentError, "Set 'pretrained: true' to load it"),
    ],
)
def test_what_does_not_fit_is_refused(make: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize(
    ("others", "message"),
    [
        ({"blocks.0.attn.qkv.weight": torch.zeros(96, 16)}, r"qkv.weight: file \(96, 16\), network \(96, 32\)"),
        ({"patch_embed.0.proj.weight": torch.zeros(32, 3, 8, 8)}, r"\(32, 3, 8, 8\) in the file, not \(32, 4, 8, 8\)"),
        ({"head.weight": torch.zeros(2)}, "1 unknown to the network: head.weight"),
    ],
)
def test_files_of_other_networks_are_refused(others: Any, message: str, tmp_path: Path) -> None:
    file = save(tmp_path, published(SPECTRA, **others))
    with pytest.raises(WeightsError, match=message):
        build(*S2, pretrained=True, weights=file)


def test_variants_load_no_torch() -> None:
    code = "import sys, groundwork.models.encoders.satmae.variants; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

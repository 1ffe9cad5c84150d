"""Encoders of segmentation_models_pytorch, and the one that encodes nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from segmentation_models_pytorch.encoders import get_encoder

from asking import SOURCE, encode, one
from groundwork.errors import ComponentError, WeightsError
from groundwork.models.encoders.smp.encoder import SMPEncoder
from groundwork.models.encoders.wrappers.identity import IdentityEncoder
from groundwork.models.weights.file import WeightsFile
from groundwork.specs import BandSpec, FeatureLevel, RasterSpec

MakeInputs = Callable[..., dict[str, RasterSpec]]


def told(file: Path, *bands: str) -> WeightsFile:
    return WeightsFile(file=str(file), bands=bands or ("RED", "GREEN", "BLUE"))


@pytest.fixture
def named() -> MakeInputs:
    def make(*names: str) -> dict[str, RasterSpec]:
        return one(RasterSpec(bands=tuple(BandSpec(name=name) for name in names), dtype="int16", nodata=-1))

    return make


def test_levels_are_smps_without_the_image(named: MakeInputs, tmp_path: Path) -> None:
    reference = get_encoder("resnet18", weights=None).eval()
    save_file(reference.state_dict(), tmp_path / "resnet18.safetensors")
    encoder = SMPEncoder(
        named("RED", "GREEN", "BLUE"),
        model="resnet18",
        pretrained=True,
        weights=told(tmp_path / "resnet18.safetensors"),
    ).eval()
    image = torch.randn(1, 3, 64, 96)
    for level, expected in zip(encode(encoder, image), reference(image)[1:], strict=True):
        torch.testing.assert_close(level, expected)
    assert not encoder.loaded[SOURCE].fresh
    assert not encoder.loaded[SOURCE].skipped


def test_bands_find_their_weights_by_name(named: MakeInputs, tmp_path: Path) -> None:
    reference = get_encoder("efficientnet-b0", weights=None)
    torch.save(reference.state_dict(), tmp_path / "b0.pth")
    encoder = SMPEncoder(
        named("BLUE", "NIR", "RED", "VV"), model="efficientnet-b0", pretrained=True, weights=told(tmp_path / "b0.pth")
    )
    own, trained = encoder.network.encoder._conv_stem.weight, reference._conv_stem.weight
    assert [[torch.equal(own[:, index], trained[:, colour]) for colour in range(3)] for index in range(4)] == [
        [False, False, True],
        [False, False, False],
        [True, False, False],
        [False, False, False],
    ]
    assert encoder.loaded[SOURCE].bands == ("BLUE", "RED")


@pytest.mark.parametrize(
    ("model", "depth", "levels"),
    [
        ("mit_b0", 5, "[32ch/4px, 64ch/8px, 160ch/16px, 256ch/32px]"),
        ("tu-convnext_atto", 5, "[40ch/4px, 80ch/8px, 160ch/16px, 320ch/32px]"),
        ("vgg11", 2, "[128ch/2px, 256ch/4px]"),
        ("mobilenet_v2", 3, "[16ch/2px, 24ch/4px, 32ch/8px]"),
    ],
)
def test_depth_and_empty_levels(model: str, depth: int, levels: str, named: MakeInputs) -> None:
    with torch.device("meta"):
        encoder = SMPEncoder(named("A", "B"), model=model, depth=depth).eval()
        maps = encode(encoder, torch.empty(1, 2, 64, 96))
    assert str(encoder.out) == levels
    assert [level.shape[1:] for level in maps] == [
        (level.channels, 64 // level.stride, 96 // level.stride) for level in encoder.out.levels
    ]


def test_parameters_that_no_level_needs_are_frozen(named: MakeInputs) -> None:
    with torch.no_grad():
        encoder = SMPEncoder(named("A"), model="efficientnet-b0", depth=2).eval()
    sum(level.square().sum() for level in encode(encoder, torch.randn(2, 1, 32, 32))).backward()
    for name, parameter in encoder.named_parameters():
        assert (parameter.grad is not None) == parameter.requires_grad, name
    assert not encoder.network.encoder._conv_head.weight.requires_grad


def test_names_and_weights_that_do_not_exist_are_refused(named: MakeInputs) -> None:
    with pytest.raises(ComponentError, match=r"no encoder 'resnet35'\. Did you mean 'resnet"):
        SMPEncoder(named("A"), model="resnet35")
    with torch.device("meta"):
        with pytest.raises(ComponentError, match="cannot build 'resnet18' with depth 9"):
            SMPEncoder(named("A"), model="resnet18", depth=9)
        with pytest.raises(ComponentError, match=r"no weights 'imagnet'\. Did you mean 'imagenet'.*'ssl', 'swsl'"):
            SMPEncoder(named("A"), model="resnet18", pretrained=True, published="imagnet")
        with pytest.raises(ComponentError, match=r"take {name: timm, model: resnet18}"):
            SMPEncoder(named("A"), model="tu-resnet18", pretrained=True)


def test_identity_gives_the_bands(make_raster: Callable[..., RasterSpec]) -> None:
    image = torch.randn(2, 3, 5, 7)
    encoder = IdentityEncoder(one(make_raster(3)))
    assert torch.equal(encode(encoder, image)[0], image)
    assert encoder.out.levels == (FeatureLevel(3, 1),)


def test_identity_lays_dates_behind_one_another(make_raster: Callable[..., RasterSpec]) -> None:
    image = torch.randn(2, 3, 4, 5, 7)
    encoder = IdentityEncoder(one(make_raster(3, steps=4)))
    given = encode(encoder, image)[0]
    assert encoder.out.levels == (FeatureLevel(12, 1, steps=4),)
    assert torch.equal(given[:, 3:6], image[:, :, 1])


def test_a_file_must_say_its_bands(named: MakeInputs, tmp_path: Path) -> None:
    reference = get_encoder("resnet18", weights=None)
    file = tmp_path / "resnet18.pth"
    torch.save(reference.state_dict(), file)
    with pytest.raises(WeightsError, match=r"takes 3 bands, and nothing says which.* bands: \[RED, GREEN, BLUE\]\}"):
        SMPEncoder(named("RED"), model="resnet18", pretrained=True, weights=str(file))
    mine = told(file, "NIR", "RED", "GREEN")
    encoder = SMPEncoder(named("RED", "NIR"), model="resnet18", pretrained=True, weights=mine)
    assert torch.equal(encoder.network.encoder.conv1.weight, reference.conv1.weight[:, [1, 0]])

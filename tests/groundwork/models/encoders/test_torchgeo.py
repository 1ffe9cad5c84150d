"""Every entry of TorchGeo: what it says, what it builds, and that its files load as TorchGeo loads them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torchgeo.models import (
    ResNet18_Weights,
    ResNet50_Weights,
    Swin_B_Weights,
    Swin_V2_B_Weights,
    Swin_V2_T_Weights,
    Unet_Weights,
    ViTSmall14_DINOv2_Weights,
    ViTSmall16_Weights,
    get_model,
    get_weight,
    list_models,
)
from torchvision.models import WeightsEnum

from asking import SOURCE, encode, one
from groundwork.errors import ComponentError, SpecError, WeightsError
from groundwork.models.encoders.torchgeo.encoder import TorchGeoEncoder, list_entries
from groundwork.models.encoders.torchgeo.info import read_info
from groundwork.models.weights.file import WeightsFile
from groundwork.models.without_memory import without_memory
from groundwork.specs import BandSpec, RasterSpec

MakeNamed = Callable[..., dict[str, RasterSpec]]
NANOMETRES = {"RED": 665.0, "GREEN": 560.0, "BLUE": 490.0}


def told(file: Path, entry: WeightsEnum) -> WeightsFile:
    """Name a file that does not say itself that it was trained on the bands of an entry."""
    info = read_info(entry)
    dates = ["", *(f" of date {step + 1}" for step in range(1, info.steps))]
    return WeightsFile(file=str(file), bands=tuple(f"{band}{date}" for date in dates for band in info.bands))


@pytest.fixture
def named() -> MakeNamed:
    def make(*names: str, steps: int = 1) -> dict[str, RasterSpec]:
        return one(
            RasterSpec(
                bands=tuple(BandSpec(name=name, wavelength_nm=NANOMETRES.get(name)) for name in names),
                dtype="int16",
                nodata=-1,
                pixel_size_m=10,
                steps=steps,
                layout="steps_first" if steps > 1 else None,
            )
        )

    return make


def test_entries_are_all_of_torchgeos() -> None:
    assert len(list_entries()) >= 124
    assert str(get_weight("ResNet50_Weights.SENTINEL2_ALL_MOCO")) in list_entries()


@pytest.mark.parametrize("entry", list_entries())
def test_every_entry_is_an_encoder_or_says_why_not(entry: str, named: MakeNamed) -> None:
    steps = 2 if "FTW" in entry else 1
    inputs = named("RED", "GREEN", "BLUE", steps=steps)
    with without_memory(), torch.no_grad():
        if entry.startswith("Aurora"):
            with pytest.raises(ComponentError, match="'aurora_swin_unet' is no encoder of rasters"):
                TorchGeoEncoder(inputs, model=entry)
            return
        encoder = TorchGeoEncoder(inputs, model=entry).eval()
        height, width = 2 * encoder.size_multiple, 3 * encoder.size_multiple
        levels = encode(encoder, torch.empty(1, 3, steps, height, width))
    assert [tuple(level.shape) for level in levels] == [
        (1, level.channels, height // level.stride, width // level.stride) for level in encoder.out.levels
    ]
    assert all(tensor.is_meta for tensor in encoder.state_dict().values())
    assert encoder.info[SOURCE].weights == get_weight(entry).url
    assert encoder.info[SOURCE].citation is not None


@pytest.mark.parametrize("entry", list_entries())
def test_names_and_statistics_fit_the_first_layer(entry: str) -> None:
    weights = get_weight(entry)
    info = read_info(weights)
    if "in_chans" in weights.meta:
        assert len(info.bands) * info.steps == weights.meta["in_chans"]
    assert len(set(info.bands)) == len(info.bands)
    # Nothing of TorchGeo's own naming is left over.
    assert not [band for band in info.bands if any(letter.isdigit() for letter in band.partition("_")[0])]
    assert len(info.mean) == len(info.std)
    assert len(info.mean) in {0, len(info.bands)}
    if info.mean:
        # What the entry's own steps make of an image of its mean is nothing, and of mean and deviation is one.
        for value, expected in ((info.mean, 0.0), ([m + s for m, s in zip(info.mean, info.std, strict=True)], 1.0)):
            pixels = torch.tensor(value).repeat(info.steps).reshape(1, -1, 1, 1).expand(1, -1, 512, 512)
            given = weights.transforms(pixels.clone())
            torch.testing.assert_close(given, torch.full_like(given, expected), atol=2e-3, rtol=0)


def test_info_of_some_entries() -> None:
    moco = read_info(ResNet50_Weights.SENTINEL2_ALL_SOFTCON)
    assert moco.bands[:4] == ("COASTAL", "BLUE", "GREEN", "RED")
    assert moco.bands[7:] == ("NIR_BROAD", "NIR_NARROW", "WATER_VAPOR", "CIRRUS", "SWIR_1", "SWIR_2")
    assert (moco.unit, moco.scale, moco.mean[0], moco.pixel_size_m, moco.image_size) == (
        "reflectance",
        1e-4,
        1612.9,
        10.0,
        224,
    )
    radar = read_info(ViTSmall16_Weights.SENTINEL1_GRD_MAE)
    assert (radar.bands, radar.unit, radar.mean) == (("VV", "VH"), "dB", (-12.59, -20.26))
    assert read_info(Swin_V2_B_Weights.SENTINEL1_SI_SATLAS).bands == ("VH", "VV")
    landsat = read_info(ResNet18_Weights.LANDSAT_OLI_SR_MOCO)
    assert landsat.bands == ("COASTAL", "BLUE", "GREEN", "RED", "NIR_NARROW", "SWIR_1", "SWIR_2")
    assert (landsat.unit, landsat.pixel_size_m) == (None, 30.0)
    assert read_info(ResNet18_Weights.LANDSAT_ETM_SR_MOCO).bands[0] == "BLUE"
    # Pictures of 0 to 255 beside reflectance: no unit fits both.
    assert read_info(Swin_V2_T_Weights.SENTINEL2_SI_MS_SATLAS).unit is None
    fields = read_info(Unet_Weights.SENTINEL2_2CLASS_FTW)
    assert (fields.bands, fields.steps, fields.licence) == (("RED", "GREEN", "BLUE", "NIR_BROAD"), 2, "CC-BY-4.0")


def draw(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Weights of a published file: no layer as a fresh one, batch norms with statistics of their own."""
    return {
        name: torch.rand_like(value) * 0.2 + (0.9 if name.endswith("var") else 0)
        if value.is_floating_point()
        else value
        for name, value in state.items()
    }


def give(monkeypatch: pytest.MonkeyPatch, content: dict[str, Any]) -> None:
    """Let TorchGeo's own loading find a file's content where it would download."""
    monkeypatch.setattr(WeightsEnum, "get_state_dict", lambda *_args, **_options: dict(content))


def test_resnet_loads_as_torchgeo_loads_it(named: MakeNamed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = ResNet18_Weights.SENTINEL2_RGB_MOCO
    content = draw(get_model("resnet18", in_chans=3).state_dict())
    torch.save(content, tmp_path / "resnet.pth")
    give(monkeypatch, content)
    reference = get_model("resnet18", weights=weights).eval()
    encoder = TorchGeoEncoder(
        named("RED", "GREEN", "BLUE"),
        model=str(weights),
        pretrained=True,
        weights=told(tmp_path / "resnet.pth", weights),
    ).eval()
    image = torch.randn(1, 3, 64, 96)
    torch.testing.assert_close(encode(encoder, image)[-1], reference.forward_features(image))
    assert encoder.loaded[SOURCE].skipped == ("fc.weight", "fc.bias")
    assert not encoder.loaded[SOURCE].fresh


def test_bands_find_their_weights_by_name(named: MakeNamed, tmp_path: Path) -> None:
    weights = ResNet18_Weights.SENTINEL2_ALL_MOCO
    content = draw(get_model("resnet18", in_chans=13).state_dict())
    torch.save({"state_dict": content}, tmp_path / "resnet.pth")
    encoder = TorchGeoEncoder(
        named("SWIR_1", "NDVI", "BLUE", "NIR_NARROW"),
        model=str(weights),
        pretrained=True,
        weights=told(tmp_path / "resnet.pth", weights),
        out_indices=(1, 2),
    )
    first = encoder.network.network.conv1.weight
    for own, trained in ((0, 11), (2, 1), (3, 8)):
        assert torch.equal(first[:, own], content["conv1.weight"][:, trained])
    assert not any(torch.equal(first[:, 1], content["conv1.weight"][:, band]) for band in range(13))
    assert encoder.loaded[SOURCE].bands == ("SWIR_1", "BLUE", "NIR_NARROW")
    assert "layer3.0.conv1.weight" in encoder.loaded[SOURCE].skipped


@pytest.mark.parametrize(
    "weights", [ViTSmall16_Weights.SENTINEL1_GRD_MAE, ViTSmall14_DINOv2_Weights.SENTINEL1_GRD_SOFTCON]
)
def test_vit_loads_as_torchgeo_loads_it(
    weights: WeightsEnum, named: MakeNamed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    builder = next(name for name in list_models() if weights.meta["model"] == name)
    content = draw(get_model(builder, in_chans=2, img_size=224).state_dict())
    torch.save(content, tmp_path / "vit.pth")
    give(monkeypatch, content)
    reference = get_model(builder, weights=weights).eval()
    encoder = TorchGeoEncoder(
        named("VV", "VH"),
        model=str(weights),
        pretrained=True,
        weights=told(tmp_path / "vit.pth", weights),
        out_indices=(0, 2),
    ).eval()
    image = torch.randn(1, 2, 224, 224)
    expected = reference.forward_intermediates(image, indices=[0, 2], intermediates_only=True)
    for level, again in zip(encode(encoder, image), expected, strict=True):
        torch.testing.assert_close(level, again)


def test_swin_loads_as_torchgeo_loads_it(named: MakeNamed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = Swin_V2_T_Weights.SENTINEL2_SI_RGB_SATLAS
    content = get_model("swin_v2_t").state_dict()
    torch.save(content, tmp_path / "swin.pth")
    give(monkeypatch, content)
    reference = get_model("swin_v2_t", weights=weights).eval()
    encoder = TorchGeoEncoder(
        named("RED", "GREEN", "BLUE"), model=str(weights), pretrained=True, weights=told(tmp_path / "swin.pth", weights)
    ).eval()
    image = torch.randn(1, 3, 64, 96)
    torch.testing.assert_close(encode(encoder, image)[-1], reference.features(image).permute(0, 3, 1, 2))


def test_swin_of_another_window_has_the_published_shapes(named: MakeNamed, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = Swin_B_Weights.CITYSCAPES_SEMSEG
    monkeypatch.setattr(nn.Module, "load_state_dict", lambda *_args, **_options: ((), ()))
    give(monkeypatch, {"state_dict": {}})
    with without_memory():
        published = get_model("swin_b", weights=weights).features.state_dict()
        own = TorchGeoEncoder(named("RED", "GREEN", "BLUE"), model=str(weights)).network.network.features.state_dict()
    assert {name: value.shape for name, value in own.items()} == {n: v.shape for n, v in published.items()}


def test_swin_drops_paths_as_deep_as_asked(named: MakeNamed) -> None:
    with without_memory():
        encoder = TorchGeoEncoder(named("RED"), model="Swin_V2_T_Weights.SENTINEL2_SI_RGB_SATLAS", drop_path=0.3)
    rates = [module.p for module in encoder.modules() if type(module).__name__ == "StochasticDepth"]
    assert rates[0] == 0
    assert rates[-1] == pytest.approx(0.3)
    assert rates == sorted(rates)


def test_unet_of_two_dates_loads_as_torchgeo_loads_it(
    named: MakeNamed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = Unet_Weights.SENTINEL2_2CLASS_FTW
    content = get_model("unet", encoder_name="efficientnet-b3", encoder_weights=None, in_channels=8, classes=2)
    torch.save(content.state_dict(), tmp_path / "unet.pth")
    give(monkeypatch, content.state_dict())
    reference = get_model("unet", weights=weights).eval()
    encoder = TorchGeoEncoder(
        named("RED", "GREEN", "BLUE", "NIR_BROAD", steps=2),
        model=str(weights),
        pretrained=True,
        weights=told(tmp_path / "unet.pth", weights),
    ).eval()
    image = torch.randn(1, 4, 2, 64, 64)
    stacked = torch.cat([image[:, :, 0], image[:, :, 1]], dim=1)
    for level, expected in zip(encode(encoder, image), reference.encoder(stacked)[1:], strict=True):
        torch.testing.assert_close(level, expected)


def test_earthloc_takes_its_resnet_from_the_file(named: MakeNamed, tmp_path: Path) -> None:
    resnet = {f"backbone.{name}": value for name, value in get_model("resnet50").state_dict().items()}
    content = {name: value for name, value in resnet.items() if "layer4" not in name and "backbone.fc" not in name}
    torch.save(content | {"fc.weight": torch.zeros(2, 2)}, tmp_path / "earthloc.pth")
    encoder = TorchGeoEncoder(
        named("RED", "GREEN", "BLUE"),
        model="EarthLoc_Weights.SENTINEL2_RESNET50",
        pretrained=True,
        weights=told(tmp_path / "earthloc.pth", get_weight("EarthLoc_Weights.SENTINEL2_RESNET50")),
    )
    assert len(encoder.loaded[SOURCE].loaded) == len(content)
    assert encoder.out.levels[-1].stride == 16


def test_a_file_of_other_bands_is_refused(named: MakeNamed, tmp_path: Path) -> None:
    torch.save(get_model("resnet18", in_chans=13).state_dict(), tmp_path / "resnet.pth")
    with pytest.raises(WeightsError, match=r"takes 13 bands, and nothing says which, .* not https://.*, whose bands"):
        TorchGeoEncoder(
            named("RED"),
            model="ResNet18_Weights.SENTINEL2_RGB_MOCO",
            pretrained=True,
            weights=str(tmp_path / "resnet.pth"),
        )


def test_only_the_published_file_under_its_own_name_needs_no_bands(named: MakeNamed, tmp_path: Path) -> None:
    entry = ResNet18_Weights.SENTINEL2_RGB_MOCO
    content = get_model("resnet18", in_chans=3).state_dict()
    asked = {"model": str(entry), "pretrained": True}
    file = tmp_path / entry.url.rpartition("/")[2]
    torch.save(content, file)
    first = TorchGeoEncoder(named("RED"), **asked, weights=str(file)).network.network.conv1.weight
    assert torch.equal(first[:, 0], content["conv1.weight"][:, 0])
    torch.save(content, tmp_path / "mine.pth")
    with pytest.raises(WeightsError, match=r"takes 3 bands, and nothing says which.*bands: \[RED, GREEN, BLUE\]\}"):
        TorchGeoEncoder(named("RED"), **asked, weights=str(tmp_path / "mine.pth"))
    mine = WeightsFile(file=str(tmp_path / "mine.pth"), bands=("NIR", "RED", "GREEN"))
    encoder = TorchGeoEncoder(named("NIR", "RED"), **asked, weights=mine)
    assert torch.equal(encoder.network.network.conv1.weight, content["conv1.weight"][:, :2])
    assert encoder.info[SOURCE].bands == mine.bands


def test_misspelt_and_misused_entries_are_refused(named: MakeNamed) -> None:
    with pytest.raises(ComponentError, match=r"Did you mean 'ResNet50_Weights\.SENTINEL2_ALL_MOCO'"):
        TorchGeoEncoder(named("RED"), model="ResNet50_Weights.SENTINEL2_ALL_MOC")
    with pytest.raises(SpecError, match="SENTINEL2_2CLASS_FTW' sees 2 dates, the rasters hold 1"):
        TorchGeoEncoder(named("RED"), model="Unet_Weights.SENTINEL2_2CLASS_FTW")
    with pytest.raises(SpecError, match=r"sees one date, the rasters hold 2\. Wrap it, as in {name: per_date"):
        TorchGeoEncoder(named("RED", steps=2), model="ResNet18_Weights.SENTINEL2_RGB_MOCO")
    with pytest.raises(ComponentError, match=r"has no stochastic depth\. Leave 'drop_path' out"):
        TorchGeoEncoder(named("RED"), model="DOFABase16_Weights.DOFA_MAE", drop_path=0.1)

"""DOFA, Scale-MAE, CROMA, Panopticon and Copernicus-FM against TorchGeo's own forward pass."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torchgeo.models import CROMA, CopernicusFM, ScaleMAE, croma_base, dofa_small_patch16_224, panopticon_vitb14
from torchgeo.models.croma import get_2dalibi

from asking import SOURCE, encode, images_of, one
from groundwork.errors import ComponentError, SpecError, WeightsError
from groundwork.models.encoders.base import Encoder
from groundwork.models.encoders.parts.calendar import days_since_1970
from groundwork.models.encoders.torchgeo.copernicus_fm import CopernicusFMEncoder
from groundwork.models.encoders.torchgeo.croma import OPTICAL_BANDS, CROMAEncoder, distance_bias
from groundwork.models.encoders.torchgeo.dofa import DOFAEncoder
from groundwork.models.encoders.torchgeo.panopticon import PanopticonEncoder
from groundwork.models.encoders.torchgeo.scale_mae import ScaleMAEEncoder
from groundwork.models.weights.file import WeightsFile
from groundwork.models.without_memory import without_memory
from groundwork.specs import BandSpec, RasterSpec

MakeDescribed = Callable[..., dict[str, RasterSpec]]
TIME = torch.tensor([[[2021.0, 3.0]], [[2020.0, 60.0]]])
PLACE = torch.tensor([[47.0, 8.0], [-20.0, -50.0]])


@pytest.fixture
def described() -> MakeDescribed:
    """Rasters of bands with wavelengths, as name=nanometres; None: not stated."""

    def make(pixel_size_m: float | None = 10, steps: int = 1, **bands: float | None) -> dict[str, RasterSpec]:
        return one(
            RasterSpec(
                bands=tuple(BandSpec(name=name, wavelength_nm=nm) for name, nm in bands.items()),
                dtype="int16",
                nodata=-1,
                pixel_size_m=pixel_size_m,
                steps=steps,
                layout="steps_first" if steps > 1 else None,
            )
        )

    return make


def as_map(tokens: Tensor, rows: int, columns: int) -> Tensor:
    return tokens[:, -rows * columns :].transpose(1, 2).reshape(tokens.shape[0], -1, rows, columns)


def without_positions(*networks: nn.Module) -> None:
    """TorchGeo stretches no position codes, so those of other sizes of image must be nothing."""
    for network in networks:
        network.pos_embed.data.zero_()


def test_dofa_gives_what_torchgeos_blocks_give(described: MakeDescribed) -> None:
    encoder = DOFAEncoder(described(RED=665, VV=None, GREEN=560), variant="small", out_indices=(3, -1)).eval()
    reference = dofa_small_patch16_224(num_classes=0, img_size=64).eval()
    state = encoder.network.state_dict() | {"pos_embed": torch.zeros(1, 17, 384)}
    assert reference.load_state_dict(state, strict=False).missing_keys == ["fc_norm.weight", "fc_norm.bias"]
    without_positions(encoder.network)
    seen: list[Tensor] = []
    for index in (3, 11):
        reference.blocks[index].register_forward_hook(lambda _module, _given, tokens: seen.append(tokens))
    image = torch.randn(2, 3, 64, 64)
    reference(image, [0.665, 5.405, 0.56])
    for level, tokens in zip(encode(encoder, image), seen, strict=True):
        torch.testing.assert_close(level, as_map(tokens, 4, 4))


def test_dofa_starts_from_the_position_codes_of_its_paper(described: MakeDescribed) -> None:
    codes = DOFAEncoder(described(RED=665), variant="small", out_indices=(0,)).network.pos_embed[0]
    assert torch.all(codes[0] == 0)
    # The cell in row 2, column 5: 192 numbers tell the column, 192 the row.
    angles = 1 / 10000 ** (torch.arange(96, dtype=torch.float64) / 96)
    expected = torch.cat([(5 * angles).sin(), (5 * angles).cos(), (2 * angles).sin(), (2 * angles).cos()])
    torch.testing.assert_close(codes[1 + 2 * 14 + 5].double(), expected, atol=1e-5, rtol=0)


def test_dofa_loads_the_published_layout(described: MakeDescribed, tmp_path: Path) -> None:
    published = dofa_small_patch16_224(num_classes=0, global_pool=False)
    extra = {"mask_token": torch.zeros(1, 1, 384), "projector.weight": torch.zeros(2, 2)}
    torch.save(published.state_dict() | extra, tmp_path / "dofa.pth")
    encoder = DOFAEncoder(
        described(RED=665), variant="small", pretrained=True, weights=str(tmp_path / "dofa.pth"), out_indices=(0, 5)
    )
    assert set(encoder.loaded[SOURCE].loaded) == set(encoder.network.state_dict())
    assert {"mask_token", "projector.weight", "norm.weight", "blocks.6.norm1.weight"} <= set(
        encoder.loaded[SOURCE].skipped
    )
    assert not encoder.loaded[SOURCE].fresh
    for name, value in encoder.network.state_dict().items():
        assert torch.equal(value, published.state_dict()[name]), name


@pytest.mark.parametrize(
    ("make", "bands", "message"),
    [
        (DOFAEncoder, {"RED": 665, "NIR": None}, r"'dofa' knows bands by their wavelengths, and \['NIR'\] have none"),
        (PanopticonEncoder, {"NIR": None, "VV": None}, r"\['NIR'\] have none"),
        (CopernicusFMEncoder, {"NIR": None}, r"\['NIR'\] have none"),
    ],
)
def test_bands_without_wavelength_are_named(
    make: type[Encoder], bands: dict[str, float], message: str, described: MakeDescribed
) -> None:
    with without_memory(), pytest.raises(SpecError, match=message):
        make(described(**bands))


@pytest.mark.parametrize("make", [DOFAEncoder, ScaleMAEEncoder, CROMAEncoder, PanopticonEncoder, CopernicusFMEncoder])
def test_encoders_of_one_date_name_the_wrapper(make: type[Encoder], described: MakeDescribed) -> None:
    with without_memory(), pytest.raises(SpecError, match=r"sees one date, the rasters hold 3.*name: per_date"):
        make(described(steps=3, RED=665))


def test_dofa_refuses_weights_that_nobody_published(described: MakeDescribed) -> None:
    with without_memory(), pytest.raises(ComponentError, match="No weights are published for this network"):
        DOFAEncoder(described(RED=665), variant="huge", pretrained=True)


def test_weights_without_pretrained_are_refused(described: MakeDescribed) -> None:
    with without_memory(), pytest.raises(ComponentError, match="Set 'pretrained: true' to load it"):
        CROMAEncoder(described(RED=665), weights="croma.pt")


def test_blocks_that_do_not_exist_are_refused(described: MakeDescribed) -> None:
    with without_memory(), pytest.raises(ComponentError, match=r"from 0 to 11 \(-1 is the last\); got \[0, 12\]"):
        DOFAEncoder(described(RED=665), out_indices=(0, 12))


def test_scale_mae_gives_what_torchgeos_gives(described: MakeDescribed) -> None:
    encoder = ScaleMAEEncoder(described(pixel_size_m=2.5, RED=None, GREEN=None), variant="small").eval()
    layer_norm = partial(nn.LayerNorm, eps=1e-6)
    reference = ScaleMAE(
        res=2.5, img_size=64, in_chans=2, embed_dim=384, depth=12, num_heads=6, num_classes=0, norm_layer=layer_norm
    ).eval()
    assert reference.load_state_dict(encoder.network.state_dict(), strict=False).missing_keys == ["pos_embed"]
    image = torch.randn(2, 2, 64, 64)
    torch.testing.assert_close(encode(encoder, image)[-1], as_map(reference.forward_features(image), 4, 4))


def test_scale_mae_lays_positions_out_in_metres(described: MakeDescribed) -> None:
    encoder = ScaleMAEEncoder(described(pixel_size_m=3.0, RED=None), variant="small", out_indices=(0,))
    codes = encoder._position_codes((2, 5), torch.device("cpu"))[0]
    angles = 1 / 10000 ** (torch.arange(96, dtype=torch.float64) / 96)
    expected = torch.cat([(12 * angles).sin(), (12 * angles).cos(), (3 * angles).sin(), (3 * angles).cos()])
    torch.testing.assert_close(codes[1 + 5 + 4].double(), expected, atol=1e-5, rtol=0)


def test_scale_mae_must_know_the_pixel_size(described: MakeDescribed) -> None:
    with without_memory(), pytest.raises(SpecError, match=r"Write 'pixel_size_m' in data\.sources"):
        ScaleMAEEncoder(described(pixel_size_m=None, RED=None))


def test_scale_mae_keeps_the_weights_of_each_colour(described: MakeDescribed, tmp_path: Path) -> None:
    published = ScaleMAE(img_size=224, embed_dim=384, depth=12, num_heads=6, num_classes=0)
    torch.save({"model": published.state_dict()}, tmp_path / "scale_mae.pth")
    encoder = ScaleMAEEncoder(
        described(NIR=None, BLUE=None, RED=None),
        variant="small",
        pretrained=True,
        weights=WeightsFile(file=str(tmp_path / "scale_mae.pth"), bands=("RED", "GREEN", "BLUE")),
        out_indices=(0,),
    )
    kept, trained = encoder.network.patch_embed.proj.weight, published.patch_embed.proj.weight
    assert torch.equal(kept[:, 1], trained[:, 2])
    assert torch.equal(kept[:, 2], trained[:, 0])
    assert not any(torch.equal(kept[:, 0], trained[:, index]) for index in range(3))
    assert encoder.loaded[SOURCE].bands == ("BLUE", "RED")
    assert "pos_embed" in encoder.loaded[SOURCE].skipped


def test_distance_bias_is_cromas() -> None:
    torch.testing.assert_close(distance_bias((5, 5)), get_2dalibi(16, 25))
    # From the first cell to the one two rows down and three columns on; the first head has the slope 1 / sqrt(2).
    assert distance_bias((3, 4))[0, 0, 0, 11].item() == pytest.approx(-((4 + 9) ** 0.5) / 2**0.5)


def test_croma_gives_what_torchgeos_gives(described: MakeDescribed) -> None:
    bands = dict.fromkeys(["VH", *OPTICAL_BANDS, "VV"])
    encoder = CROMAEncoder(described(**bands)).eval()
    reference = CROMA(image_size=32).eval()
    assert not reference.load_state_dict(encoder.network.state_dict(), strict=False).unexpected_keys
    image = torch.randn(1, 14, 32, 32)
    with torch.no_grad():
        expected = reference(x_sar=image[:, [0, 13]], x_optical=image[:, 1:13])["joint_encodings"]
        levels = encode(encoder, image)
    assert len(levels) == 6
    torch.testing.assert_close(levels[-1], as_map(expected, 4, 4), atol=1e-5, rtol=1e-5)


def test_croma_loads_the_published_layout_band_by_band(described: MakeDescribed, tmp_path: Path) -> None:
    published = croma_base(image_size=16)
    parts = ("s1_encoder", "s1_GAP_FFN", "s2_encoder", "s2_GAP_FFN", "joint_encoder")
    nested = {part: getattr(published, part).state_dict() for part in parts}
    torch.save(nested, tmp_path / "croma.pt")
    encoder = CROMAEncoder(
        described(VH=None, VV=None), pretrained=True, weights=str(tmp_path / "croma.pt"), out_indices=(0,)
    )
    kept = encoder.network["s1_encoder"].linear_input.weight
    trained = published.s1_encoder.linear_input.weight
    assert torch.equal(kept[:, :64], trained[:, 64:])
    assert torch.equal(kept[:, 64:], trained[:, :64])
    assert encoder.loaded[SOURCE].bands == ("VH", "VV")
    assert not encoder.loaded[SOURCE].fresh
    assert {name.partition(".")[0] for name in encoder.loaded[SOURCE].skipped} == set(parts)


def test_panopticon_gives_what_torchgeos_gives(described: MakeDescribed) -> None:
    encoder = PanopticonEncoder(described(RED=664, VV=None, HV=None, SWIR_1=1610), orbit="descending").eval()
    names = encoder.network.patch_embed.chnfus.chnemb
    for part in names.parameters():
        nn.init.normal_(part)
    reference = panopticon_vitb14(img_size=28).eval()
    reference.model.load_state_dict(encoder.network.state_dict() | {"pos_embed": torch.zeros(1, 5, 768)})
    without_positions(encoder.network)
    image = torch.randn(2, 4, 28, 28)
    # Numbers of the published list of radar channels: -9 is VV of a descending orbit, -12 HV.
    numbers = torch.tensor([[664.0, -9, -12, 1610]]).repeat(2, 1)
    with torch.no_grad():
        expected = reference.model.forward_features({"imgs": image, "chn_ids": numbers})
        torch.testing.assert_close(encode(encoder, image)[-1], as_map(expected, 2, 2))


def test_panopticon_has_the_published_names_and_shapes(described: MakeDescribed) -> None:
    with without_memory():
        own = PanopticonEncoder(described(RED=664)).network.state_dict()
        published = panopticon_vitb14(img_size=518).model.state_dict()
    assert {name: value.shape for name, value in own.items()} == {n: v.shape for n, v in published.items()}


def test_copernicus_fm_gives_what_torchgeos_gives(described: MakeDescribed) -> None:
    encoder = CopernicusFMEncoder(described(RED=665, VV=None), coordinates=("time", "location"), out_indices=(1,))
    reference = CopernicusFM(embed_dim=768, depth=2, num_heads=12).eval()
    reference.fc_norm = nn.Identity()
    unknown = reference.load_state_dict(encoder.network.state_dict(), strict=False).unexpected_keys
    assert not unknown
    image = torch.randn(2, 2, 224, 224)
    days = [(date(2021, 1, 4) - date(1970, 1, 1)).days, (date(2020, 3, 1) - date(1970, 1, 1)).days]
    told = torch.tensor([[8, 47, days[0], 0.16**2], [-50, -20, days[1], 0.16**2]])
    with torch.no_grad():
        expected = reference.forward_features(image, told, [665, 5e7], [30, 1e9])
        level = encode(encoder.eval(), image, TIME, PLACE)[0]
    torch.testing.assert_close(level.mean((2, 3)), expected, atol=2e-5, rtol=1e-4)


def test_days_since_1970_are_those_of_the_calendar() -> None:
    for year, day in [(1970, 0), (1972, 365), (2000, 59), (2021, 0), (2024, 100)]:
        expected = (date(year, 1, 1) + timedelta(day) - date(1970, 1, 1)).days
        assert days_since_1970(torch.tensor([[float(year), day]])).item() == expected


def test_copernicus_fm_learns_what_it_is_not_told(described: MakeDescribed) -> None:
    with without_memory():
        told = CopernicusFMEncoder(described(RED=665), coordinates=("time",), out_indices=(0,)).network
        untold = CopernicusFMEncoder(described(pixel_size_m=None, RED=665), out_indices=(0,)).network
    tokens = ("coord_token", "time_token", "scale_token")
    assert [told.get_parameter(name).requires_grad for name in tokens] == [True, False, False]
    assert [untold.get_parameter(name).requires_grad for name in tokens] == [True, True, True]


def test_copernicus_fm_needs_bandwidths_of_unknown_bands(described: MakeDescribed) -> None:
    raster = described(RED=665, THERMAL_1=10800)
    with without_memory():
        with pytest.raises(ComponentError, match=r"bandwidths of \['THERMAL_1'\]. Write 'bandwidths_nm' with one for"):
            CopernicusFMEncoder(raster)
        with pytest.raises(ComponentError, match="one positive bandwidth for each of"):
            CopernicusFMEncoder(raster, bandwidths_nm=(30,))
        CopernicusFMEncoder(raster, bandwidths_nm=(30, 600))


def test_copernicus_fm_asks_for_the_coordinates_it_was_built_for(described: MakeDescribed) -> None:
    encoder = CopernicusFMEncoder(described(RED=665), coordinates=("time",), out_indices=(0,))
    with pytest.raises(ValueError, match=r"needs 'dates' .* with every batch"):
        encode(encoder, torch.zeros(1, 1, 32, 32))


def test_a_file_of_another_network_is_refused(described: MakeDescribed, tmp_path: Path) -> None:
    torch.save({"conv1.weight": torch.zeros(3)}, tmp_path / "other.pth")
    with pytest.raises(WeightsError, match=r"other.pth holds weights of another network.*missing in the file"):
        DOFAEncoder(described(RED=665), variant="small", pretrained=True, weights=str(tmp_path / "other.pth"))


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(partial(DOFAEncoder, variant="small", out_indices=(0, 1)), id="dofa"),
        pytest.param(partial(ScaleMAEEncoder, variant="small", out_indices=(0, 1)), id="scale_mae"),
        pytest.param(partial(CROMAEncoder, out_indices=(0,)), id="croma"),
        pytest.param(partial(PanopticonEncoder, out_indices=(0,)), id="panopticon"),
        pytest.param(
            partial(CopernicusFMEncoder, out_indices=(0,), coordinates=("time", "location")), id="copernicus_fm"
        ),
    ],
)
def test_encoders_export(make: Callable[[dict[str, RasterSpec]], Encoder], described: MakeDescribed) -> None:
    encoder = make(described(RED=665, VV=None)).eval()
    images = images_of([SOURCE], torch.randn(2, 2, 56, 112), None, TIME, PLACE)
    with torch.no_grad():
        levels = encoder(images)
        for level, again in zip(levels, torch.export.export(encoder, (images,)).module()(images), strict=True):
            torch.testing.assert_close(level, again)


def test_half_precision_blurs_no_wavelengths_places_ordays_since_1970(described: MakeDescribed) -> None:
    bands = described(RED=665, NIR_BROAD=842)
    dofa = DOFAEncoder(bands, variant="small", out_indices=(0,))
    panopticon = PanopticonEncoder(bands, out_indices=(0,))
    scale_mae = ScaleMAEEncoder(bands, variant="small", out_indices=(0,))
    copernicus = CopernicusFMEncoder(bands, coordinates=("time", "location"), out_indices=(0,))
    image, cpu = torch.randn(2, 2, 32, 32), torch.device("cpu")

    def patches_of(encoder: Encoder, embed: nn.Module) -> Tensor:
        seen: list[Tensor] = []
        hook = embed.register_forward_hook(lambda _module, _given, tokens: seen.append(tokens))
        encode(encoder, image, TIME, PLACE)
        hook.remove()
        return seen[0][0] if isinstance(seen[0], tuple) else seen[0]

    def compute() -> list[Tensor]:
        return [
            patches_of(dofa, dofa.network.patch_embed),
            panopticon._band_codes(cpu),
            scale_mae._position_codes((2, 2), cpu),
            patches_of(copernicus, copernicus.network.patch_embed_spectral),
        ]

    with torch.no_grad():
        exact = compute()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            again = compute()
    for whole, half in zip(exact, again, strict=True):
        assert half.dtype == torch.float32
        torch.testing.assert_close(half, whole, rtol=0, atol=0)

"""Galileo gives what its own code gave for the same weights, takes its files, and says what it cannot take.

The numbers were recorded once: the class ``Encoder`` of ``single_file_galileo.py`` in
https://github.com/nasaharvest/galileo was built with the sizes of :func:`sizes`, filled by :func:`wave_of` by its own
names (its tables of orders and months apart), given :func:`images` at 20 m with months by :data:`DATES`, and averaged
by its ``apply_mask_and_average_tokens_per_patch``. With the published weights of the nano network, which lie in that
repository, both agreed to 3e-7 for patches of 8, 4 and 2 pixels.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from datetime import date, timedelta
from math import cos, pi, prod, sin
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from asking import encode, images_of
from groundwork.errors import ComponentError, SpecError, WeightsError
from groundwork.models.encoders.galileo.encoder import GalileoEncoder
from groundwork.models.encoders.galileo.network import direction, month_table, place_codes
from groundwork.models.encoders.galileo.variants import VARIANTS, GalileoVariant
from groundwork.models.encoders.parts.calendar import month_of
from groundwork.models.expectations import statistics_of
from groundwork.specs import FeatureLevel, RasterSpec

S2 = (
    *("BLUE", "GREEN", "RED", "RED_EDGE_1", "RED_EDGE_2", "RED_EDGE_3"),
    *("NIR_BROAD", "NIR_NARROW", "SWIR_1", "SWIR_2"),
)
BANDS = {"s2": S2, "s1": ("VV", "VH"), "ndvi": ("NDVI",), "terrain": ("DEM", "SLOPE")}
#: January and July; the 29th of February and the 1st of March.
DATES = torch.tensor([[[2021.0, 10.0], [2021.0, 200.0]], [[2020.0, 59.0], [2020.0, 60.0]]])
PLACES = torch.tensor([[47.0, 8.0], [-20.0, -50.0]])
CHANNELS = [0, 9, 18, 27]
CLOSE = {"rtol": 0, "atol": 1e-5}
SMALL = "galileo_nano"


def wave_of(name: str, shape: tuple[int, ...]) -> Tensor:
    """Weights by a formula: a wave whose phase is the sum of the bytes of the name."""
    wave = torch.sin(torch.arange(prod(shape), dtype=torch.float64) * 0.37 + sum(name.encode())).reshape(shape)
    return 0.1 * wave.float() + (1.0 if "norm" in name and name.endswith("weight") else 0.0)


def image_of(*shape: int) -> Tensor:
    return torch.sin(torch.arange(prod(shape), dtype=torch.float64) * 0.11).float().reshape(shape)


def images() -> dict[str, Tensor]:
    return {
        "s2": image_of(2, 10, 2, 16, 16),
        "s1": image_of(2, 2, 2, 16, 16) + 0.5,
        "ndvi": image_of(2, 1, 2, 16, 16) * 0.5,
        "terrain": image_of(2, 2, 16, 16) * 2,
    }


def raster(*bands: str, steps: int = 2, pixel_size_m: float | None = 20) -> RasterSpec:
    layout = "steps_first" if steps > 1 else None
    words = {"bands": bands, "dtype": "float32", "nodata": None, "steps": steps, "layout": layout}
    return RasterSpec.model_validate(words | {"pixel_size_m": pixel_size_m})


def inputs_of(*sources: str) -> dict[str, RasterSpec]:
    return {source: raster(*BANDS[source], steps=1 if source == "terrain" else 2) for source in sources}


def build(inputs: dict[str, RasterSpec], **options: Any) -> GalileoEncoder:
    return GalileoEncoder(inputs, variant=SMALL, **options).eval()


@pytest.fixture(autouse=True)
def sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(VARIANTS, SMALL, GalileoVariant(32, 2, 2, "owner/repository/nano.pt"))


def published(**others: Tensor) -> dict[str, Tensor]:
    """Weights in the layout of the published files, whose tables of orders and months are kept out of the wave."""
    groups = {"S1": 2, "S2_RGB": 3, "S2_Red_Edge": 3, "S2_NIR_10m": 1, "S2_NIR_20m": 1, "S2_SWIR": 2, "NDVI": 1}
    timed = {f"space_time_embed.{group}": (32, bands, 8, 8) for group, bands in groups.items()}
    still = {f"space_embed.{group}": (32, bands, 8, 8) for group, bands in {"SRTM": 2, "DW": 9, "WC": 5}.items()}
    linear = {f"time_embed.{group}": (32, bands) for group, bands in {"ERA5": 2, "TC": 3, "VIIRS": 1}.items()}
    linear |= {f"static_embed.{group}": (32, n) for group, n in {"LS": 1, "location": 3, "DW_static": 9}.items()}
    shapes: dict[str, tuple[int, ...]] = {
        "s_t_channel_embed": (7, 8),
        "sp_channel_embed": (3, 8),
        "t_channel_embed": (3, 8),
        "st_channel_embed": (4, 8),
        "norm.weight": (32,),
        "norm.bias": (32,),
    }
    for name, shape in (timed | still).items():
        shapes |= {f"{name}.proj.weight": shape, f"{name}.proj.bias": (32,)}
    for index in range(2):
        start = f"blocks.{index}"
        linear |= {f"{start}.attn.{layer}": (32, 32) for layer in ("q", "k", "v", "proj")}
        linear |= {f"{start}.mlp.fc1": (128, 32), f"{start}.mlp.fc2": (32, 128)}
        shapes |= {f"{start}.{norm}.{part}": (32,) for norm in ("norm1", "norm2") for part in ("weight", "bias")}
    for name, shape in linear.items():
        shapes |= {f"{name}.weight": shape, f"{name}.bias": shape[:1]}
    tables = build(inputs_of("s1")).state_dict()
    weights = {name: wave_of(name, shape) for name, shape in shapes.items()}
    return weights | {name: tables[name] for name in ("pos_embed", "month_embed.weight")} | others


@pytest.fixture
def file(tmp_path: Path) -> str:
    torch.save(published(), tmp_path / "encoder.pt")
    return str(tmp_path / "encoder.pt")


RECORDED = {
    "optical": (
        ("s2",),
        8,
        ("time",),
        [-0.267044, 0.576585, 1.061174, 0.468473],
        [-0.062281, 0.742605, 1.180645, -0.087209],
    ),
    "smaller patches": (
        *(("s1", "s2"), 4, ("time",)),
        *([-0.590878, 0.759375, 1.429054, 0.810189], [-0.528582, 0.851556, 1.548928, -0.154635]),
    ),
    "all": (
        *(("s2", "terrain", "ndvi", "s1"), 8, ("time", "location")),
        *([-0.180919, 0.650836, 1.146961, 0.482911], [0.072506, 0.83133, 1.237049, -0.074912]),
    ),
    "no dates": (("s2",), 8, (), [-0.034347, 0.856795, 1.308933, 0.925398], [0.167284, 1.05987, 1.484972, 0.380575]),
}


@pytest.mark.parametrize(("sources", "patch", "known", "second_row", "last"), RECORDED.values(), ids=RECORDED)
def test_encoder_gives_what_galileo_gave(
    sources: tuple[str, ...], patch: int, known: Any, second_row: list[float], last: list[float], file: str
) -> None:
    encoder = build(inputs_of(*sources), patch_size=patch, coordinates=known, pretrained=True, weights=file)
    with torch.no_grad():
        level = encode(encoder, images(), DATES, PLACES)[-1]
    torch.testing.assert_close(level[1, CHANNELS, 1, 0], torch.tensor(second_row), **CLOSE)
    torch.testing.assert_close(level[1, CHANNELS, -1, -1], torch.tensor(last), **CLOSE)


def test_steps_are_kept_where_wanted(file: str) -> None:
    options: dict[str, Any] = {"coordinates": ("time",), "pretrained": True, "weights": file, "out_indices": (-1,)}
    encoder = build(inputs_of("s2"), keep_steps=True, **options)
    assert encoder.out.levels == (FeatureLevel(64, 8, steps=2),)
    with torch.no_grad():
        (kept,) = encode(encoder, images(), DATES)
        (mean,) = encode(build(inputs_of("s2"), **options), images(), DATES)
    steps = kept.reshape(2, 2, 32, 2, 2)
    expected = [[-0.035727, 0.520093, 0.716837, 0.305327], [-0.498361, 0.633077, 1.405511, 0.63162]]
    torch.testing.assert_close(steps[1][:, CHANNELS, 1, 0], torch.tensor(expected), **CLOSE)
    torch.testing.assert_close(steps.mean(1), mean)


def test_what_lies_beside_the_steps_belongs_to_each(file: str) -> None:
    options: dict[str, Any] = {"pretrained": True, "weights": file, "out_indices": (0,), "coordinates": ("location",)}
    inputs = inputs_of("s2", "terrain")
    encoder, kept = build(inputs, **options), build(inputs, keep_steps=True, **options)
    seen: list[Tensor] = []
    encoder.blocks[0].register_forward_hook(lambda _module, _given, tokens: seen.append(tokens))
    mean = encode(encoder, images(), None, PLACES)[0]
    # 4 cells of 5 groups at 2 steps, of terrain, and the place of them all.
    (tokens,) = seen
    steps = tokens[:, :40].reshape(2, 2, 5, 4, 32)
    terrain, place = tokens[:, 40:44], tokens[:, 44:]
    expected = (steps.sum((1, 2)) + terrain + place) / 12
    torch.testing.assert_close(mean, expected.transpose(1, 2).reshape(2, 32, 2, 2))
    second = (steps[:, 1].sum(1) + terrain + place) / 7
    given = encode(kept, images(), None, PLACES)[0][:, 32:]
    torch.testing.assert_close(given, second.transpose(1, 2).reshape(2, 32, 2, 2))


def test_published_layout_goes_in_whole(file: str) -> None:
    content = published()
    inputs = inputs_of("s1", "s2", "ndvi", "terrain")
    encoder = build(inputs, coordinates=("time", "location"), pretrained=True, weights=file)
    own = encoder.state_dict()
    (report,) = {id(report): report for report in encoder.loaded.values()}.values()
    assert report.fresh == ()
    assert set(report.loaded) == set(own)
    assert set(report.loaded) | set(report.skipped) == set(content)
    assert all(torch.equal(value, content[name]) for name, value in own.items())
    assert {name.split(".")[1] for name in report.skipped if "." in name} == {
        *("DW", "WC", "ERA5", "TC", "VIIRS", "LS", "DW_static")
    }
    assert set(report.bands) == {band for bands in BANDS.values() for band in bands}


def test_bands_are_chosen_by_name(file: str) -> None:
    encoder = build({"mixed": raster("SWIR_2", "RED", "BLUE")}, pretrained=True, weights=file)
    own, content = encoder.state_dict(), published()
    name = "space_time_embed.S2_RGB.proj.weight"
    assert torch.equal(own[name], content[name][:, [0, 2]])
    assert torch.equal(
        own["space_time_embed.S2_SWIR.proj.weight"], content["space_time_embed.S2_SWIR.proj.weight"][:, 1:]
    )
    assert encoder.loaded["mixed"].bands == ("BLUE", "RED", "SWIR_2")
    # The band that is left out counts as 0 in the whole group, which is its mean of pre-training less two deviations.
    part = image_of(2, 3, 2, 16, 16)
    whole = torch.zeros(2, 4, 2, 16, 16)
    whole[:, [0, 1, 2]] = part
    four = build({"mixed": raster("SWIR_2", "RED", "BLUE", "GREEN")}, pretrained=True, weights=file)
    torch.testing.assert_close(encode(four, {"mixed": whole}), encode(encoder, {"mixed": part}))


def test_bands_may_lie_in_any_source(file: str) -> None:
    options: dict[str, Any] = {"pretrained": True, "weights": file}
    given = images()
    stacked = {"all": torch.cat([given["s2"], given["s1"]], dim=1)}
    together = encode(build({"all": raster(*S2, "VV", "VH")}, **options), stacked)
    torch.testing.assert_close(encode(build(inputs_of("s2", "s1"), **options), given), together)
    apart = build({"vh": raster("VH"), "vv": raster("VV")}, **options)
    torch.testing.assert_close(
        encode(apart, {"vv": given["s1"][:, :1], "vh": given["s1"][:, 1:]}),
        encode(build(inputs_of("s1"), **options), given),
    )


def test_early_blocks_leave_out_what_comes_behind(file: str) -> None:
    encoder = build(inputs_of("s2"), out_indices=(0,), pretrained=True, weights=file)
    assert {"norm.weight", "blocks.1.attn.q.weight"} <= set(encoder.loaded["s2"].skipped)
    whole = build(inputs_of("s2"), pretrained=True, weights=file)
    torch.testing.assert_close(encode(encoder, images()), encode(whole, images())[:1])


def test_months_are_those_of_the_calendar() -> None:
    days = [date(1999, 12, 1) + timedelta(days=step) for step in range(6 * 365)]
    dates = torch.tensor([[day.year, day.timetuple().tm_yday - 1] for day in days])
    assert month_of(dates).tolist() == [day.month - 1 for day in days]


def test_codes_of_months_places_and_directions() -> None:
    march = 3 * 2 * pi / 12
    torch.testing.assert_close(month_table(8)[3], torch.tensor([sin(march)] * 4 + [cos(march)] * 4))
    codes = place_codes((2, 5), 16, 1.6, torch.device("cpu"))
    frequencies = [1 / 10000 ** (step / 8 / 2) for step in range(4)]
    angles = [[1.6 * 4 * frequency for frequency in frequencies], [1.6 * frequency for frequency in frequencies]]
    expected = [part(angle) for axis in angles for part in (sin, cos) for angle in axis]
    torch.testing.assert_close(codes[5 + 4], torch.tensor(expected))
    east = direction(torch.tensor([[0.0, 90.0], [90.0, 17.0]]))
    torch.testing.assert_close(east, torch.tensor([[0.0, 1, 0], [0, 0, 1]]), atol=1e-6, rtol=0)


def test_statistics_bring_values_between_0_and_1() -> None:
    inputs = inputs_of("s1", "s2", "ndvi")
    encoder = build(inputs)
    assert set(encoder.info) == {"s1", "s2"}
    bands = [{"name": "VH", "unit": "dB", "scale": 1.0}]
    means, stds = statistics_of(encoder.info["s1"], RasterSpec(bands=bands, dtype="float32", nodata=None))
    assert means == pytest.approx([-18.85558188 - 2 * 5.73027032])
    assert stds == pytest.approx([4 * 5.73027032])
    assert build({"all": raster("RED", "VV")}).info == {}


def test_compiled_and_exported_encoders_give_the_same() -> None:
    encoder = build(inputs_of("s2", "s1", "terrain"), coordinates=("time", "location"), keep_steps=True)
    seen = {source: image for source, image in images().items() if source != "ndvi"}
    given = images_of(list(seen), seen, None, DATES, PLACES)
    expected = encoder(given)
    torch.testing.assert_close(torch.compile(encoder, backend="eager", fullgraph=True)(given), expected)
    torch.testing.assert_close(torch.export.export(encoder, (given,)).module()(given), expected)


def test_gradient_reaches_terrain_and_place() -> None:
    encoder = build(inputs_of("s1", "terrain"), coordinates=("location", "time"))
    for name in ("s_t_channel_embed", "sp_channel_embed", "st_channel_embed"):
        nn.init.normal_(encoder.get_parameter(name))
    sum((level * torch.randn_like(level)).sum() for level in encode(encoder, images(), DATES, PLACES)).backward()
    without = [name for name, value in encoder.named_parameters() if value.grad is None or not value.grad.any()]
    assert without == ["month_embed.weight"]
    assert not encoder.month_embed.weight.requires_grad


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: build({"a": raster("RED", "CIRRUS")}), SpecError, "never saw the band 'CIRRUS' of source 'a'"),
        (lambda: build({"a": raster("RED"), "b": raster("RED")}), SpecError, "'RED' is in the sources 'a' and 'b'"),
        (lambda: build({"a": raster("DEM", steps=1)}), SpecError, "at least one band that changes with time"),
        (lambda: build({"a": raster("RED"), "b": raster("VV", steps=3)}), SpecError, r"got \{'b': 3, 'a': 2\}"),
        (lambda: build({"a": raster("RED", steps=25)}), SpecError, "counts 24 time steps, the rasters hold 25"),
        (lambda: build({"a": raster("RED", "DEM")}), SpecError, "source 'a' holds 2 steps of it"),
        (
            lambda: build({"a": raster("RED"), "b": raster("VV", pixel_size_m=10)}),
            SpecError,
            r"pixels of one size in all sources, got \[10.0, 20.0\] m",
        ),
        (lambda: build(inputs_of("s1"), patch_size=9), ComponentError, "'patch_size' must be from 1 to 8, got 9"),
        (lambda: build(inputs_of("s1"), out_indices=(2,)), ComponentError, "from 0 to 1"),
        (lambda: build(inputs_of("s1"), weights="a.pt"), ComponentError, "Set 'pretrained: true' to load it"),
    ],
)
def test_what_does_not_fit_is_refused(make: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize(
    ("others", "message"),
    [
        ({"blocks.0.attn.q.weight": torch.zeros(32, 16)}, r"attn.q.weight: file \(32, 16\), network \(32, 32\)"),
        ({"blocks.2.attn.q.weight": torch.zeros(2)}, "1 unknown to the network: blocks.2.attn.q.weight"),
        (
            {"space_time_embed.S1.proj.weight": torch.zeros(32, 2, 4, 4)},
            r"not \(32, 2, 8, 8\) for the bands \['VV', 'VH'\]",
        ),
    ],
)
def test_files_of_other_networks_are_refused(others: Any, message: str, tmp_path: Path) -> None:
    torch.save(published(**others), tmp_path / "encoder.pt")
    with pytest.raises(WeightsError, match=message):
        build(inputs_of("s1"), pretrained=True, weights=str(tmp_path / "encoder.pt"))


def test_missing_coordinates_are_named() -> None:
    encoder = build(inputs_of("s1"), coordinates=("time",))
    with pytest.raises(ValueError, match="'galileo' was built to use coordinates and needs 'dates'"):
        encode(encoder, images())


def test_variants_load_no_torch() -> None:
    code = "import sys, groundwork.models.encoders.galileo.variants; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

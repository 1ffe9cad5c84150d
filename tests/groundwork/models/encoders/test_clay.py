"""Clay 1.5 gives what its own code gave for the same weights, takes its file, and says what it cannot take.

The numbers were recorded once: the class ``Encoder`` of Clay (the copy in TerraTorch 1.2.11, whose lines are those of
https://github.com/Clay-foundation/model) was built with the sizes of :func:`sizes`, nothing masked or shuffled, filled
by :func:`wave_of` by its own names and given :func:`image_of` and the wavelengths 0.665, 0.49 and 3.5, in single
precision on a CPU with ``torch.set_float32_matmul_precision("highest")``.
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
from torch import Tensor

from asking import SOURCE, encode, images_of, one
from groundwork.batch import Image
from groundwork.errors import ComponentError, SpecError, WeightsError
from groundwork.models.encoders.clay.encoder import ClayEncoder
from groundwork.models.encoders.clay.network import place_codes
from groundwork.models.encoders.clay.variants import VARIANTS, ClayVariant
from groundwork.models.encoders.parts.calendar import week_of
from groundwork.models.expectations import statistics_of
from groundwork.models.without_memory import without_memory
from groundwork.specs import RasterSpec

SMALL = "clay_v1_5_large"
CLOSE = {"rtol": 0, "atol": 1e-5}


def wave_of(name: str, shape: tuple[int, ...]) -> Tensor:
    """Weights by a formula: a wave whose phase is the sum of the bytes of the name."""
    wave = torch.sin(torch.arange(prod(shape), dtype=torch.float64) * 0.37 + sum(name.encode())).reshape(shape)
    return 0.1 * wave.float() + (1.0 if "norm" in name and name.endswith("weight") else 0.0)


def image_of(*shape: int) -> Tensor:
    return torch.sin(torch.arange(prod(shape), dtype=torch.float64) * 0.11).float().reshape(shape)


def raster(pixel_size_m: float | None = 10, steps: int = 1, **changes: Any) -> RasterSpec:
    bands = [{"name": "RED", "wavelength_nm": 665}, {"name": "BLUE", "wavelength_nm": 490}, {"name": "VV"}]
    layout = "steps_first" if steps > 1 else None
    words = {"bands": bands, "dtype": "float32", "nodata": None, "pixel_size_m": pixel_size_m}
    return RasterSpec.model_validate(words | {"steps": steps, "layout": layout} | changes)


def build(inputs: RasterSpec | None = None, **options: Any) -> ClayEncoder:
    return ClayEncoder(one(inputs or raster()), variant=SMALL, **options).eval()


def fill(encoder: ClayEncoder) -> ClayEncoder:
    own = encoder.state_dict()
    encoder.load_state_dict({name: wave_of(name, tuple(value.shape)) for name, value in own.items()})
    return encoder


@pytest.fixture(autouse=True)
def sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(VARIANTS, SMALL, ClayVariant(40, 3, 2, 16, 2, weights="owner/repository/clay.ckpt"))


def published() -> dict[str, Tensor]:
    """Weights in the layout of the published file: of training, with decoder, teacher and projection."""
    made = "patch_embedding.weight_generator"
    mixer = f"{made}.encoder.layers.0"
    shapes: dict[str, tuple[int, ...]] = {
        "cls_token": (1, 1, 40),
        f"{made}.weight_tokens": (128, 128),
        f"{made}.bias_token": (1, 128),
        f"{mixer}.self_attn.in_proj_weight": (384, 128),
        f"{mixer}.self_attn.in_proj_bias": (384,),
        f"{mixer}.self_attn.out_proj.weight": (128, 128),
        f"{mixer}.self_attn.out_proj.bias": (128,),
        f"{mixer}.linear1.weight": (2048, 128),
        f"{mixer}.linear1.bias": (2048,),
        f"{mixer}.linear2.weight": (128, 2048),
        f"{mixer}.linear2.bias": (128,),
        f"{made}.fc_weight.weight": (2560, 128),
        f"{made}.fc_weight.bias": (2560,),
        f"{made}.fc_bias.weight": (40, 128),
        f"{made}.fc_bias.bias": (40,),
        "transformer.norm.weight": (40,),
        "transformer.norm.bias": (40,),
    }
    for norm in ("norm1", "norm2"):
        shapes |= {f"{mixer}.{norm}.{part}": (128,) for part in ("weight", "bias")}
    for layer in ("l1", "l2"):
        start = f"patch_embedding.fclayer.{layer}"
        shapes |= {f"{start}.weight": (128, 128), f"{start}.bias": (128,)}
    for index in range(3):
        attention, mlp = f"transformer.layers.{index}.0", f"transformer.layers.{index}.1.net"
        shapes |= {f"{attention}.norm.weight": (40,), f"{attention}.norm.bias": (40,)}
        shapes |= {f"{attention}.to_qkv.weight": (96, 40), f"{attention}.to_out.weight": (40, 32)}
        shapes |= {f"{mlp}.0.weight": (40,), f"{mlp}.0.bias": (40,)}
        shapes |= {f"{mlp}.1.weight": (80, 40), f"{mlp}.1.bias": (80,)}
        shapes |= {f"{mlp}.3.weight": (40, 80), f"{mlp}.3.bias": (40,)}
    weights = {f"model.encoder.{name}": wave_of(name, shape) for name, shape in shapes.items()}
    others = ("decoder.mask_patch", "decoder.transformer.norm.weight", "teacher.cls_token", "proj.weight")
    return weights | {f"model.{name}": torch.ones(4) for name in others}


def save(folder: Path, weights: dict[str, Tensor]) -> str:
    torch.save({"state_dict": weights, "epoch": 7, "hyper_parameters": {"lr": 1e-5}}, folder / "clay.ckpt")
    return str(folder / "clay.ckpt")


def test_images_of_unknown_place_and_date_give_what_clay_gave() -> None:
    encoder = fill(build(vector=True, out_indices=(-1,)))
    with torch.no_grad():
        cells, vector = encode(encoder, image_of(2, 3, 32, 32))
    torch.testing.assert_close(
        vector[1, [0, 9, 18, 27]], torch.tensor([-1.519764, 0.509992, -0.043035, -0.899302]), **CLOSE
    )
    # Cell 6 of 4 * 4.
    expected = torch.tensor([-0.913183, 0.096116, 0.489447, -0.754685])
    torch.testing.assert_close(cells[1, [0, 9, 18, 39], 1, 2], expected, **CLOSE)


def test_known_place_and_date_and_other_pixels_give_what_clay_gave(monkeypatch: pytest.MonkeyPatch) -> None:
    told = torch.tensor([[0.1, 0.2, 0.3, 0.4, 0.9, -0.1, 0.2, 0.3], [0.5, -0.6, 0.7, -0.8, -0.4, 0.5, -0.6, 0.7]])
    monkeypatch.setattr(ClayEncoder, "_code_coordinates", lambda *_: told)
    encoder = fill(build(raster(pixel_size_m=2.5), vector=True, out_indices=(-1,)))
    with torch.no_grad():
        cells, vector = encode(encoder, image_of(2, 3, 32, 32))
    torch.testing.assert_close(
        vector[1, [0, 9, 18, 27]], torch.tensor([-1.521648, 0.467063, -0.119983, -1.007949]), **CLOSE
    )
    expected = torch.tensor([-2.199148, -0.635626, 0.65353, 0.168764])
    torch.testing.assert_close(cells[1, [0, 9, 18, 39], 1, 2], expected, **CLOSE)


def test_what_is_told_are_sines_and_cosines() -> None:
    encoder = build(coordinates=("time", "location"))
    # 2024-07-01 is the Monday of week 27.
    told = encoder._code_coordinates(
        Image(torch.zeros(1, 3, 8, 8), None, torch.tensor([[[2024.0, 182.0]]]), torch.tensor([[47.0, -8.0]]))
    )
    week, latitude, longitude = 27 * 2 * pi / 52, 47 * pi / 180, -8 * pi / 180
    expected = [sin(week), cos(week), 0, 0, sin(latitude), cos(latitude), sin(longitude), cos(longitude)]
    torch.testing.assert_close(told, torch.tensor([expected]))
    nothing = build()._code_coordinates(Image(torch.zeros(1, 3, 8, 8)))
    assert torch.equal(nothing, torch.zeros(1, 8))


def test_weeks_are_those_of_the_calendar() -> None:
    days = [date(1902, 1, 1) + timedelta(days=step) for step in range(198 * 365)]
    dates = torch.tensor([[day.year, day.timetuple().tm_yday - 1] for day in days])
    assert week_of(dates).tolist() == [day.isocalendar().week for day in days]


def test_cells_know_their_place_in_metres() -> None:
    codes = place_codes((2, 5), 32, 2.5, torch.device("cpu"))
    frequencies = [2.5 / 10000 ** (2 * step / 7 / 32) for step in range(8)]
    column, row = [4 * frequency for frequency in frequencies], frequencies
    expected = [part(angle) for angles in (column, row) for part in (sin, cos) for angle in angles]
    torch.testing.assert_close(codes[5 + 4], torch.tensor(expected))


def test_published_layout_goes_in_whole(tmp_path: Path) -> None:
    content = published()
    encoder = build(pretrained=True, weights=save(tmp_path, content))
    own = encoder.state_dict()
    assert encoder.loaded[SOURCE].fresh == ()
    assert {f"model.encoder.{name}" for name in own} < set(content)
    assert all(torch.equal(value, content[f"model.encoder.{name}"]) for name, value in own.items())
    assert set(encoder.loaded[SOURCE].skipped) == {
        *("decoder.mask_patch", "decoder.transformer.norm.weight", "teacher.cls_token", "proj.weight")
    }


def test_early_layers_leave_out_what_comes_behind(tmp_path: Path) -> None:
    file = save(tmp_path, published())
    encoder = build(pretrained=True, weights=file, out_indices=(0,))
    assert {"transformer.norm.weight", "transformer.layers.2.1.net.3.bias"} <= set(encoder.loaded[SOURCE].skipped)
    image = image_of(2, 3, 16, 24)
    torch.testing.assert_close(encode(encoder, image), encode(build(pretrained=True, weights=file), image)[:1])


def test_file_of_another_network_is_refused(tmp_path: Path) -> None:
    content = published()
    content["model.encoder.transformer.layers.0.0.to_out.weight"] = torch.zeros(40, 16)
    with pytest.raises(WeightsError, match=r"to_out.weight: file \(40, 16\), network \(40, 32\)"):
        build(pretrained=True, weights=save(tmp_path, content))


def test_statistics_are_those_of_the_sensor() -> None:
    bands = [{"name": "NIR_NARROW", "wavelength_nm": 865, "unit": "reflectance", "scale": 1e-4}]
    inputs = raster(bands=bands)
    means, stds = statistics_of(build(inputs, sensor="sentinel-2-l2a").info[SOURCE], inputs)
    assert (means, stds) == (pytest.approx([2785]), pytest.approx([1648]))
    with pytest.raises(SpecError, match="needs an encoder that publishes statistics"):
        statistics_of(build(inputs).info.get(SOURCE), inputs)


def test_large_network_is_as_large_as_published(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    with without_memory():
        encoder = ClayEncoder(one(raster()))
    assert sum(value.numel() for value in encoder.parameters()) == 311_442_944


def test_compiled_encoder_gives_the_same() -> None:
    encoder = fill(build(coordinates=("time", "location"), vector=True))
    given = images_of(
        [SOURCE], image_of(2, 3, 16, 24), None, torch.tensor([[[2021.0, 3.0]]] * 2), torch.tensor([[47.0, 8.0]] * 2)
    )
    compiled = torch.compile(encoder, backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(given), encoder(given))


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: build(raster(pixel_size_m=None)), SpecError, "Write 'pixel_size_m' in data.sources"),
        (lambda: build(raster(steps=3)), SpecError, "'clay' sees one date, the rasters hold 3"),
        (lambda: build(raster(bands=["NIR", "HH", "VV"])), SpecError, r"\['NIR', 'HH'\] have none"),
        (lambda: build(out_indices=(3,)), ComponentError, "from 0 to 2"),
        (lambda: build(weights="clay.ckpt"), ComponentError, "Set 'pretrained: true' to load it"),
        (
            lambda: ClayEncoder(one(raster()), variant="clay_v1_5_tiny", pretrained=True),
            ComponentError,
            "No weights of 'clay_v1_5_tiny' are published",
        ),
    ],
)
def test_what_does_not_fit_is_refused(make: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()


def test_missing_coordinates_are_named() -> None:
    encoder = build(coordinates=("location",))
    with pytest.raises(ValueError, match="'clay' was built to use coordinates and needs 'location'"):
        encode(encoder, image_of(1, 3, 8, 8))


def test_variants_load_no_torch() -> None:
    code = "import sys, groundwork.models.encoders.clay.variants; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

"""TerraMind gives what TerraTorch 1.2.11 gave for the same weights, takes its files, and says what it cannot take.

The numbers were recorded once: TerraTorch's class ``TerraMindViT`` was built with the sizes of :func:`sizes`, filled
by :func:`wave_of` by its own names (norms add 0, places keep their codes), and given :func:`images`, in single
precision on a CPU with ``torch.set_float32_matmul_precision("highest")``: importing TerraTorch lowers it. Bands were
chosen by its ``select_modality_patch_embed_weights``.
"""

from __future__ import annotations

import subprocess
import sys
from math import prod
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from asking import ask, encode, images_of
from groundwork.config.model import ModelConfig
from groundwork.errors import ComponentError, SpecError, WeightsError
from groundwork.models.assembly.encoder_decoder import EncoderDecoderFactory, EncoderDecoderModel
from groundwork.models.encoders.terramind.encoder import TerraMindEncoder
from groundwork.models.encoders.terramind.variants import MODALITIES, VARIANTS, TerraMindVariant
from groundwork.models.expectations import statistics_of
from groundwork.models.weights.reading import LoadReport
from groundwork.specs import FeatureLevel, RasterSpec, TargetSpec

PLAIN, GATED = "terramind_v1_tiny", "terramind_v1_base"
THREE = {"S2L2A": "S2L2A", "S1GRD": "S1GRD", "DEM": "DEM"}
CHANNELS = [0, 9, 18, 27]


def wave_of(name: str, shape: tuple[int, ...]) -> Tensor:
    """Weights by a formula: a wave whose phase is the sum of the bytes of the name."""
    wave = torch.sin(torch.arange(prod(shape), dtype=torch.float64) * 0.37 + sum(name.encode())).reshape(shape)
    return 0.1 * wave.float() + (1.0 if "norm" in name and name.endswith("weight") else 0.0)


def image_of(*shape: int) -> Tensor:
    return torch.sin(torch.arange(prod(shape), dtype=torch.float64) * 0.11).float().reshape(shape)


def images(height: int = 32, width: int = 48) -> dict[str, Tensor]:
    size = (height, width)
    return {"S2L2A": image_of(2, 12, *size), "S1GRD": image_of(2, 2, *size) + 0.5, "DEM": image_of(2, 1, *size) * 2}


def raster(*bands: str, steps: int = 1) -> RasterSpec:
    layout = "steps_first" if steps > 1 else None
    return RasterSpec(bands=bands, dtype="float32", nodata=None, steps=steps, layout=layout)


def build(modalities: dict[str, str], steps: int = 1, **options: Any) -> TerraMindEncoder:
    inputs = {source: raster(*MODALITIES[name].bands, steps=steps) for source, name in modalities.items()}
    return TerraMindEncoder(inputs, modalities=modalities, **options).eval()  # type: ignore[arg-type]


def fill(encoder: TerraMindEncoder) -> TerraMindEncoder:
    own = encoder.state_dict()
    encoder.load_state_dict(
        {name: value if "pos_emb" in name else wave_of(name, tuple(value.shape)) for name, value in own.items()}
    )
    return encoder


def report_of(encoder: TerraMindEncoder) -> LoadReport:
    """The one report that all sources share."""
    (report,) = {id(report): report for report in encoder.loaded.values()}.values()
    return report


@pytest.fixture(autouse=True)
def sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(VARIANTS, PLAIN, TerraMindVariant(32, 3, 2, False, "owner/repository/plain.pt"))
    monkeypatch.setitem(VARIANTS, GATED, TerraMindVariant(32, 3, 2, True, "owner/repository/gated.pt"))


#: What a published file holds of one block beside the norms' weights.
BLOCKS = {
    PLAIN: {
        "attn.qkv.weight": (96, 32),
        "attn.qkv.bias": (96,),
        "attn.proj.weight": (32, 32),
        "attn.proj.bias": (32,),
        "mlp.fc1.weight": (128, 32),
        "mlp.fc1.bias": (128,),
        "mlp.fc2.weight": (32, 128),
        "mlp.fc2.bias": (32,),
    },
    GATED: {
        "attn.qkv.weight": (96, 32),
        "attn.proj.weight": (32, 32),
        "mlp.fc1.weight": (85, 32),
        "mlp.fc2.weight": (32, 85),
        "mlp.fc3.weight": (85, 32),
    },
}


def published(variant: str, **others: Tensor) -> dict[str, Tensor]:
    """Weights in the layout of the published files, which hold a decoder as well."""
    shapes: dict[str, tuple[int, ...]] = {"encoder_norm.weight": (32,)}
    zeros = ["encoder_norm.bias"]
    for modality in MODALITIES.values():
        start = f"encoder_embeddings.{modality.key}"
        shapes |= {f"{start}.mod_emb": (1, 1, 32), f"{start}.proj.weight": (32, 256 * len(modality.bands))}
    for index in range(3):
        norms = {f"{norm}.weight": (32,) for norm in ("norm1", "norm2")}
        shapes |= {f"encoder.{index}.{name}": shape for name, shape in (norms | BLOCKS[variant]).items()}
        zeros += [f"encoder.{index}.norm1.bias", f"encoder.{index}.norm2.bias"]
    unused = ("decoder.0.norm1.weight", "decoder_norm.weight", "decoder_proj_context.bias", "mask_token")
    unused += ("decoder_embeddings.tok_dem@224.mod_emb", "encoder_embeddings.caption.token_emb.weight")
    shapes |= dict.fromkeys(unused, (32,))
    weights = {name: wave_of(name, shape) for name, shape in shapes.items()}
    return weights | {name: torch.zeros(32) for name in zeros} | others


def save(folder: Path, weights: dict[str, Any]) -> str:
    torch.save(weights, folder / "terramind.pt")
    return str(folder / "terramind.pt")


MERGED = {
    (PLAIN, "mean"): [[-0.487965, -0.922648, 1.252666, 1.968241], [-0.915371, -0.171776, 0.719149, 1.476185]],
    (PLAIN, "max"): [[-0.004498, 0.79201, 2.734198, 2.412839], [-0.534869, 0.895125, 1.335506, 1.787396]],
    (PLAIN, "concat"): [[-0.992711, 0.79201, 2.734198, 3.380322], [-1.373538, 0.895125, 1.14328, 1.527043]],
    (GATED, "mean"): [[-0.599028, -1.482388, 0.554996, 1.583051], [-1.161754, -1.375401, -0.050368, 0.937857]],
    (GATED, "max"): [[0.058293, 0.233906, 1.823321, 1.779011], [-0.403841, -0.163251, 0.642411, 1.355549]],
    (GATED, "concat"): [[-1.209719, 0.233906, 1.823321, 2.549468], [-2.048077, -0.163251, 0.580805, 1.167679]],
}


@pytest.mark.parametrize(("variant", "merge"), MERGED)
def test_three_modalities_give_what_terratorch_gave(variant: str, merge: str) -> None:
    encoder = fill(build(THREE, variant=variant, merge=merge))
    channels = [0, 32 + 9, 64 + 18, 95] if merge == "concat" else CHANNELS
    with torch.no_grad():
        maps = encode(encoder, images())
    given = [maps[index][1, channels, 1, 1].tolist() for index in (0, 2)]
    torch.testing.assert_close(torch.tensor(given), torch.tensor(MERGED[variant, merge]), rtol=0, atol=1e-5)


APART = {
    PLAIN: [
        [-1.373538, -0.128, 1.335506, 1.787396],
        [-0.837706, 0.895125, -0.321341, 1.477351],
        [-0.534869, -1.282452, 1.14328, 1.163807],
    ],
    GATED: [
        [-2.048077, -1.954051, 0.642411, 1.355549],
        [-1.033344, -0.163251, -1.37432, 0.920659],
        [-0.403841, -2.008903, 0.580805, 0.537365],
    ],
}


@pytest.mark.parametrize("variant", APART)
def test_modalities_stay_apart_where_wanted(variant: str) -> None:
    encoder = fill(build(THREE, variant=variant, merge="none"))
    assert [level.source for level in encoder.out.levels] == [source for source in THREE for _ in range(3)]
    with torch.no_grad():
        maps = encode(encoder, images())
    given = [maps[index][1, CHANNELS, 1, 1].tolist() for index in (2, 5, 8)]
    torch.testing.assert_close(torch.tensor(given), torch.tensor(APART[variant]), rtol=0, atol=1e-5)


BANDS = {
    PLAIN: [[-0.495449, -0.48041, 1.647047, 1.347787], [-1.546664, -0.309028, 1.390014, 1.533038]],
    GATED: [[-0.56464, -1.060654, 0.894237, 0.924162], [-1.779096, -2.144281, 0.410609, 0.530525]],
}


@pytest.mark.parametrize("variant", BANDS)
def test_bands_keep_the_weights_of_their_names(variant: str, tmp_path: Path) -> None:
    weights = save(tmp_path, published(variant))
    inputs = {"optical": raster("RED", "BLUE", "NIR_NARROW")}
    encoder = TerraMindEncoder(
        inputs, modalities={"optical": "S2L2A"}, variant=variant, pretrained=True, weights=weights
    ).eval()  # type: ignore[arg-type]
    report = report_of(encoder)
    assert report.bands == ("RED", "BLUE", "NIR_NARROW")
    with torch.no_grad():
        maps = encode(encoder, {"optical": image_of(2, 3, 32, 32)})
    given = [maps[index][1, CHANNELS, 1, 1].tolist() for index in (0, 2)]
    torch.testing.assert_close(torch.tensor(given), torch.tensor(BANDS[variant]), rtol=0, atol=1e-5)


@pytest.mark.parametrize("variant", [PLAIN, GATED])
def test_published_layout_goes_in_whole(variant: str, tmp_path: Path) -> None:
    content = published(variant)
    encoder = build(THREE, variant=variant, pretrained=True, weights=save(tmp_path, content))
    own = encoder.state_dict()
    report = report_of(encoder)
    assert set(report.loaded) == {name for name in own if not name.endswith("pos_emb")}
    assert set(report.loaded) | set(report.skipped) == set(content)
    assert all(torch.equal(own[name], content[name]) for name in report.loaded)
    assert {"mask_token", "decoder_norm.weight", "encoder.0.norm1.bias"} <= set(report.skipped)
    assert not [name for name in report.skipped if "untok_sen2l2a" in name]
    assert report.bands == (*MODALITIES["S2L2A"].bands, "VV", "VH", "DEM")


def test_concatenated_sources_may_have_another_order() -> None:
    plain = build(THREE, variant=PLAIN, merge="concat", out_indices=(0,))
    turned = build(THREE, variant=PLAIN, merge="concat", out_indices=(0,), order=("S2L2A", "DEM", "S1GRD"))
    turned.load_state_dict(plain.state_dict())
    with torch.no_grad():
        given, expected = encode(turned, images())[0], encode(plain, images())[0].chunk(3, dim=1)
    torch.testing.assert_close(given, torch.cat([expected[0], expected[2], expected[1]], dim=1), rtol=0, atol=0)
    with pytest.raises(ComponentError, match="'order' must name each of the sources"):
        build(THREE, variant=PLAIN, order=("S2L2A", "DEM", "S1GRD"))


def test_files_of_fine_tuned_models_hold_an_encoder(tmp_path: Path) -> None:
    content = published(PLAIN)
    theirs = {}
    for name, value in content.items():
        parts = zip(("q", "k", "v"), value.chunk(3), strict=True) if ".qkv." in name else ()
        theirs |= {name.replace(".qkv.", f".qkv.{part}_linear."): piece for part, piece in parts} or {name: value}
    theirs["missing_mod_token"] = torch.ones(32)
    state = {f"model.encoder.base_model.model.{name}": value for name, value in theirs.items()}
    state |= {"model.head.weight": torch.ones(1)}
    encoder = build(THREE, variant=PLAIN, pretrained=True, weights=save(tmp_path, {"state_dict": state}))
    own = encoder.state_dict()
    assert all(torch.equal(own[name], content[name]) for name in report_of(encoder).loaded)
    assert "missing_mod_token" in report_of(encoder).skipped
    state["model.encoder.base_model.model.encoder.0.attn.proj.lora_A.default.weight"] = torch.ones(4, 32)
    with pytest.raises(WeightsError, match=r"holds an encoder with adapters \(1 tensors.*groundwork bundle import"):
        build(THREE, variant=PLAIN, pretrained=True, weights=save(tmp_path, {"state_dict": state}))


def test_codes_of_the_places_come_from_the_file(tmp_path: Path) -> None:
    name = f"encoder_embeddings.{MODALITIES['DEM'].key}.pos_emb"
    file = save(tmp_path, published(PLAIN, **{name: torch.full((1, 196, 32), 7.0)}))
    encoder = build({"height": "DEM"}, variant=PLAIN, pretrained=True, weights=file)
    assert torch.all(encoder.state_dict()[name] == 7)


def test_places_are_coded_by_row_and_column() -> None:
    codes = build({"height": "DEM"}, variant=PLAIN).get_buffer(f"encoder_embeddings.{MODALITIES['DEM'].key}.pos_emb")
    angles = 1 / 10000 ** (torch.arange(8, dtype=torch.float64) / 8)
    expected = torch.cat([(3 * angles).sin(), (3 * angles).cos(), (5 * angles).sin(), (5 * angles).cos()])
    torch.testing.assert_close(codes[0, 3 * 14 + 5].double(), expected, atol=1e-6, rtol=0)


def test_unknown_bands_and_new_sources_stay_fresh(tmp_path: Path) -> None:
    inputs = {"optical": raster("RED", "ULTRAVIOLET"), "soil": raster("PH", "CLAY", "SAND")}
    torch.manual_seed(3)
    fresh = TerraMindEncoder(inputs, modalities={"optical": "S2L2A", "soil": "new"}, variant=PLAIN).state_dict()
    torch.manual_seed(3)
    content = published(PLAIN)
    encoder = TerraMindEncoder(
        inputs,
        modalities={"optical": "S2L2A", "soil": "new"},
        variant=PLAIN,
        pretrained=True,
        weights=save(tmp_path, content),
    )
    report = report_of(encoder)
    assert report.bands == ("RED",)
    assert "encoder_embeddings.soil.proj.weight" in report.fresh
    assert set(encoder.info) == {"optical"}
    name = "encoder_embeddings.untok_sen2l2a@224.proj.weight"
    own = encoder.state_dict()
    assert torch.equal(own[name].reshape(32, 256, 2)[..., 0], content[name].reshape(32, 256, 12)[..., 3])
    assert torch.equal(own[name].reshape(32, 256, 2)[..., 1], fresh[name].reshape(32, 256, 2)[..., 1])
    assert torch.equal(own["encoder_embeddings.soil.mod_emb"], fresh["encoder_embeddings.soil.mod_emb"])


def test_early_blocks_leave_out_what_comes_behind(tmp_path: Path) -> None:
    content = published(PLAIN)
    encoder = build(THREE, variant=PLAIN, out_indices=(0, 1), pretrained=True, weights=save(tmp_path, content))
    report = report_of(encoder)
    assert {"encoder.2.attn.qkv.weight", "encoder_norm.weight"} <= set(report.skipped)
    assert not [name for name in encoder.state_dict() if name.startswith(("encoder.2.", "encoder_norm"))]
    given = encode(encoder, images())
    whole = build(THREE, variant=PLAIN, pretrained=True, weights=save(tmp_path, content))
    for early, one in zip(given, encode(whole, images())[:2], strict=True):
        torch.testing.assert_close(early, one)


def test_dates_go_through_one_by_one() -> None:
    encoder = fill(build(THREE, variant=PLAIN, steps=2, merge="concat", out_indices=(-1,)))
    assert encoder.out.levels == (FeatureLevel(2 * 96, 16, steps=2),)
    single = fill(build(THREE, variant=PLAIN, merge="concat", out_indices=(-1,)))
    first, second = images(), {source: image.flip(-1) for source, image in images().items()}
    both = {source: torch.stack([first[source], second[source]], dim=2) for source in first}
    expected = torch.cat([encode(single, first)[0], encode(single, second)[0]], dim=1)
    torch.testing.assert_close(encode(encoder, both)[0], expected)


def test_stochastic_depth_grows_with_the_blocks() -> None:
    encoder = build({"height": "DEM"}, variant=PLAIN, drop_path=0.4)
    rates = [getattr(block.drop_path1, "drop_prob", 0.0) for block in encoder.encoder]
    assert rates == pytest.approx([0, 0.2, 0.4])


def test_model_of_one_source(target: TargetSpec) -> None:
    config = ModelConfig.model_validate(
        {
            "encoder": {"name": "terramind", "modalities": {"optical": "S2L2A"}, "variant": PLAIN, "merge": "none"},
            "decoder": {"name": "fcn", "channels": 8},
        }
    )
    model = EncoderDecoderFactory().build_model(config, {"optical": raster("RED", "BLUE")}, target).eval()
    assert isinstance(model, EncoderDecoderModel)
    assert model.gives == "pixel"
    image = torch.randn(2, 2, 30, 37)
    plain = ask(model, image).output
    assert plain.shape == (2, 2, 30, 37)
    model.set_statistics([1.0, 1.0], [2.0, 2.0])
    assert not torch.allclose(ask(model, image).output, plain)


def test_it_can_stand_beside_another_encoder_and_inside_per_date(target: TargetSpec) -> None:
    inner = {"name": "terramind", "modalities": {"optical": "S2L2A"}, "variant": PLAIN, "out_indices": [-1]}
    words = {
        "encoders": {
            "optical": {"name": "per_date", "encoder": inner},
            "radar": {"name": "timm", "model": "test_resnet", "out_indices": [3]},
        },
        "necks": "auto",
        "decoder": {"name": "fcn", "channels": 8},
    }
    inputs = {"optical": raster("RED", "BLUE", steps=3), "radar": raster("VV")}
    model = EncoderDecoderFactory().build_model(ModelConfig.model_validate(words), inputs, target).eval()
    given = ask(model, {"optical": torch.randn(2, 2, 3, 30, 37), "radar": torch.randn(2, 1, 30, 37)})
    assert given.output.shape == (2, 2, 30, 37)


def test_statistics_are_those_of_pretraining() -> None:
    info = build({"radar": "S1RTC"}, variant=PLAIN).info["radar"]
    bands = [{"name": "VH", "unit": "dB", "scale": 0.01}, {"name": "VV", "unit": "dB", "scale": 1.0}]
    means, stds = statistics_of(info, RasterSpec(bands=bands, dtype="int16", nodata=None))
    assert means == pytest.approx([-1732.9, -10.93])
    assert stds == pytest.approx([445.9, 4.391])
    for modality in MODALITIES.values():
        assert len(modality.bands) == len(modality.mean) == len(modality.std) == len(set(modality.bands))


def test_compiled_encoder_gives_the_same() -> None:
    encoder = fill(build(THREE, variant=GATED, merge="none"))
    compiled = torch.compile(encoder, backend="eager", fullgraph=True)
    asked = images_of(list(THREE), images())
    for given, expected in zip(compiled(asked), encoder(asked), strict=True):
        torch.testing.assert_close(given, expected)


@pytest.mark.parametrize(
    ("modalities", "message"),
    [
        ({"optical": "S2L2A"}, r"names \['optical'\], data.sources has \['optical', 'radar'\]"),
        ({"optical": "S2L2A", "radr": "S1GRD"}, r"Did you mean 'radar'\?"),
        ({"optical": "S1GRD", "radar": "S1GRD"}, r"\['optical', 'radar'\] as 'S1GRD', of which TerraMind takes one"),
    ],
)
def test_modalities_that_do_not_fit_are_named(modalities: Any, message: str) -> None:
    inputs = {"optical": raster("RED"), "radar": raster("VV")}
    with pytest.raises(ComponentError, match=message):
        TerraMindEncoder(inputs, modalities=modalities, variant=PLAIN)


def test_sources_of_other_dates_are_refused() -> None:
    inputs = {"optical": raster("RED", steps=3), "radar": raster("VV")}
    with pytest.raises(SpecError, match=r"as many time steps of each, got \{'optical': 3, 'radar': 1\}"):
        TerraMindEncoder(inputs, modalities={"optical": "S2L2A", "radar": "S1GRD"}, variant=PLAIN)


QKV = "encoder.1.attn.qkv.weight"


@pytest.mark.parametrize(
    ("others", "message"),
    [
        ({QKV: torch.zeros(96, 16)}, r"encoder.1.attn.qkv.weight: file \(96, 16\), network \(96, 32\)"),
        ({"encoder.0.mlp.fc3.weight": torch.zeros(2)}, "1 unknown to the network: encoder.0.mlp.fc3.weight"),
        ({"encoder.0.norm1.bias": torch.ones(32)}, "norms add nothing; here encoder.0.norm1.bias does"),
        (
            {"encoder_embeddings.untok_dem@224.proj.weight": torch.zeros(32, 512)},
            r"\(32, 512\) in the file, not \(32, 256\) for the bands \['DEM'\]",
        ),
    ],
)
def test_files_of_other_networks_are_refused(others: Any, message: str, tmp_path: Path) -> None:
    file = save(tmp_path, published(PLAIN, **others))
    with pytest.raises(WeightsError, match=message):
        build({"height": "DEM"}, variant=PLAIN, pretrained=True, weights=file)


def test_missing_weights_are_named(tmp_path: Path) -> None:
    content = published(PLAIN)
    del content[QKV]
    with pytest.raises(WeightsError, match=f"1 missing in the file: {QKV}"):
        build({"height": "DEM"}, variant=PLAIN, pretrained=True, weights=save(tmp_path, content))


def test_variants_load_no_torch() -> None:
    code = "import sys, groundwork.models.encoders.terramind.variants; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

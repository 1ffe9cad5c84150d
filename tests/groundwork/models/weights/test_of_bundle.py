"""Another model starts from the encoder of a bundle: all of it, band by band, or a refusal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from groundwork.bundle import Bundle, load_bundle, save_bundle
from groundwork.config import DataConfig, ModelConfig
from groundwork.errors import SpecError, WeightsError
from groundwork.models.encoders.prithvi import swin
from groundwork.training.initial import build_initial

CLASSES = [{"value": 1, "name": "water", "color": "#0000ff"}, {"value": 2, "name": "land", "color": "#00ff00"}]
BANDS = ["SWIR_1", "RED", "NIR_NARROW"]
TIMM = {"name": "timm", "model": "test_resnet", "out_indices": [0, 1]}
PRITHVI = {"name": "prithvi_vit", "variant": "prithvi_eo_v2_tiny_tl", "out_indices": [0]}
ENCODERS = {
    "resnet": TIMM,
    "transformer": {"name": "timm", "model": "test_vit", "out_indices": [0, 1]},
    # Its stages have other names than in the published files.
    "stages": {"name": "timm", "model": "test_convnext", "out_indices": [0, 1]},
    "smp": {"name": "smp", "model": "resnet18", "depth": 3},
    "torchgeo": {"name": "torchgeo", "model": "ResNet18_Weights.SENTINEL2_RGB_MOCO"},
    "prithvi": PRITHVI,
    # What stands behind its blocks, and no published file has.
    "swin": {"name": "prithvi_swin", "variant": "b"},
}


def _data(*bands: str, sources: tuple[str, ...] = ("s2",), steps: int = 1, **measured: Any) -> DataConfig:
    layout = {"steps": steps, "layout": "steps_first"} if steps > 1 else {}
    source = {"bands": [{"name": name, **measured} for name in bands], "dtype": "int16", "nodata": -1, **layout}
    words = {name: source | {"reference": name == sources[0]} for name in sources}
    rest = {"target": {"classes": CLASSES}, "chips": {"size": 64}, "split": {"method": "scenes"}}
    return DataConfig.model_validate({"sources": words} | rest)


def _build(data: DataConfig, encoder: dict[str, Any], seed: int = 0, **words: Any) -> Bundle:
    model = {"encoder": encoder, "necks": "auto", "decoder": {"name": "fcn", "channels": 4}, **words}
    return build_initial(data, ModelConfig.model_validate(model), seed)


def _saved(bundle: Bundle, folder: Path) -> tuple[str, dict[str, Tensor]]:
    """Give every weight a value that no fresh network has; return the file and the weights."""
    drawn = torch.Generator().manual_seed(5)
    weights = {
        name: torch.randn(value.shape, generator=drawn) if value.is_floating_point() else value + 3
        for name, value in bundle.weights.items()
        if not name.startswith("standardise.")
    }
    statistics = {name: value for name, value in bundle.weights.items() if name not in weights}
    save_bundle(Bundle(bundle.config, weights | statistics), folder)
    return str(folder / "weights.safetensors"), weights


@pytest.mark.parametrize("name", ENCODERS)
def test_all_of_the_encoder_is_taken_and_nothing_else(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(swin.VARIANTS, "b", swin.SwinVariant(16, (1, 2, 4, 8), depths=(1, 2, 1, 1)))
    encoder = ENCODERS[name]
    file, weights = _saved(_build(_data(*BANDS), encoder), tmp_path / "bundle")
    plain = _build(_data("RED", "OTHER", "SWIR_1", "NIR_NARROW"), encoder, seed=7)
    words = {"pretrained": True, "weights": file}
    found = _build(_data("RED", "OTHER", "SWIR_1", "NIR_NARROW"), encoder | words, seed=7, accept=["bands"])
    by_band = []
    for place, value in found.weights.items():
        # Position codes are computed for the images there are.
        if not place.startswith("encoder.") or place == "encoder.pos_embed":
            assert torch.equal(value, plain.weights[place]), place
        elif value.shape == weights[place].shape:
            assert torch.equal(value, weights[place]), place
        else:
            by_band.append(place)
            for ours, theirs in ((0, 1), (2, 0), (3, 2)):
                assert torch.equal(value[:, ours], weights[place][:, theirs])
            assert torch.equal(value[:, 1], plain.weights[place][:, 1])
    assert len(by_band) == 1
    assert found.config.pretrained[0].bands == ("RED", "SWIR_1", "NIR_NARROW")
    assert found.config.fresh == tuple(by_band)


def test_an_encoder_of_each_date_takes_that_of_one_date_and_gives_it_back(tmp_path: Path) -> None:
    file, weights = _saved(_build(_data(*BANDS), TIMM), tmp_path / "one")
    words = {"name": "per_date", "encoder": TIMM | {"pretrained": True, "weights": file}}
    dates = _build(_data(*BANDS, steps=2), words)
    assert torch.equal(
        dates.weights["encoder.encoder.network.conv1.0.weight"], weights["encoder.network.conv1.0.weight"]
    )
    file, weights = _saved(dates, tmp_path / "two")
    one = _build(_data(*BANDS), TIMM | {"pretrained": True, "weights": file})
    assert torch.equal(one.weights["encoder.network.conv1.0.weight"], weights["encoder.encoder.network.conv1.0.weight"])


@pytest.mark.parametrize("encoder", [ENCODERS["transformer"], PRITHVI], ids=["timm", "prithvi"])
def test_adapters_are_written_into_the_weights_first(encoder: dict[str, Any], tmp_path: Path) -> None:
    adapted = _build(_data(*BANDS), encoder, adapters={"method": "lora", "options": {"r": 2}})
    file, _ = _saved(adapted, tmp_path / "adapted")
    with pytest.raises(WeightsError, match=r"whose encoder has adapters \(\d+ adapted weights.*merged\(\)"):
        _build(_data(*BANDS), encoder | {"pretrained": True, "weights": file})
    merged = load_bundle(tmp_path / "adapted").merged()
    save_bundle(merged, tmp_path / "merged")
    found = _build(
        _data(*BANDS), encoder | {"pretrained": True, "weights": str(tmp_path / "merged" / "weights.safetensors")}
    )
    places = [place for place in found.weights if place.startswith("encoder.") and not place.endswith("pos_embed")]
    assert all(torch.equal(found.weights[place], merged.weights[place]) for place in places)


@pytest.mark.parametrize(
    ("encoder", "message"),
    [
        (TIMM | {"out_indices": [0, 1, 2]}, r"weights of another network\. \d+ missing in the file: layer"),
        ({"name": "timm", "model": "test_vit"}, r"weights of another network\. \d+ missing in the file"),
        (
            {"name": "terramind", "variant": "terramind_v1_tiny", "modalities": {"s2": "RGB"}},
            "bands lie in the order of its own rasters.*'timm'",
        ),
    ],
    ids=["deeper", "another", "published order"],
)
def test_what_does_not_fit_is_refused(encoder: dict[str, Any], message: str, tmp_path: Path) -> None:
    file, _ = _saved(_build(_data("RED", "GREEN", "BLUE"), TIMM), tmp_path / "bundle")
    with pytest.raises(WeightsError, match=message):
        _build(_data("RED", "GREEN", "BLUE"), encoder | {"pretrained": True, "weights": file})


def test_of_encoders_of_several_sources_none_is_meant(tmp_path: Path) -> None:
    data = _data(*BANDS, sources=("s2", "s1"))
    both = {"encoder": None, "encoders": {"s2": TIMM, "s1": TIMM}, "necks": [{"name": "merge_sources"}]}
    file, _ = _saved(
        build_initial(data, ModelConfig.model_validate({"decoder": {"name": "fcn", "channels": 4}} | both), 0),
        tmp_path / "bundle",
    )
    with pytest.raises(WeightsError, match=r"an encoder for each of the sources \['s1', 's2'\]"):
        _build(_data(*BANDS), TIMM | {"pretrained": True, "weights": file})


def _first_format(file: Path, place: str) -> None:
    """Name statistics and version as bundles of the first format have them."""
    weights = {name.replace("standardise.s2.", place): value for name, value in load_file(file).items()}
    save_file(weights, file)
    description = file.with_name("bundle.json")
    description.write_text(json.dumps(json.loads(description.read_text()) | {"format_version": 1}))


def _standardised_by(file: str) -> list[list[float]]:
    data = _data("BLUE", "RED", "GREEN", unit="reflectance", scale=0.001)
    found = _build(data, ENCODERS["torchgeo"] | {"pretrained": True, "weights": file}, standardise="from_encoder")
    return [found.weights[f"standardise.s2.{part}"].flatten().tolist() for part in ("mean", "std")]


@pytest.mark.parametrize("place", ["standardise.s2.", "standardise.", "standardise.sources.s2."])
def test_statistics_are_those_of_bundles_of_any_format(place: str, tmp_path: Path) -> None:
    data = _data("RED", "GREEN", "BLUE", unit="reflectance", scale=0.0001)
    bundle = _build(data, ENCODERS["torchgeo"])
    given = {"mean": torch.tensor([1000.0, 3000, 2000]), "std": torch.tensor([100.0, 200, 300])}
    for part, values in given.items():
        held = bundle.weights[f"standardise.s2.{part}"]
        held.copy_(values.reshape(held.shape))
    save_bundle(bundle, tmp_path / "bundle")
    file = tmp_path / "bundle/weights.safetensors"
    if place != "standardise.s2.":
        _first_format(file, place)
    # In raw values of rasters with a tenth of the numbers.
    mean, std = _standardised_by(str(file))
    assert mean == pytest.approx([200, 100, 300])
    assert std == pytest.approx([30, 10, 20])


def test_weights_without_their_bundle_are_not_standardised_by_published_statistics(tmp_path: Path) -> None:
    data = _data("RED", "GREEN", "BLUE", unit="reflectance", scale=0.0001)
    file, weights = _saved(_build(data, ENCODERS["torchgeo"]), tmp_path / "bundle")
    moved = Path(file).rename(tmp_path / "moved.safetensors")
    named = {"file": str(moved), "bands": ["RED", "GREEN", "BLUE"]}
    found = _build(data, ENCODERS["torchgeo"] | {"pretrained": True, "weights": named}, seed=7)
    place = "encoder.network.network.conv1.weight"
    assert torch.equal(found.weights[place], weights[place])
    with pytest.raises(SpecError, match=r"publishes statistics; .* in the bundle of one source that they lie in"):
        _build(data, ENCODERS["torchgeo"] | {"pretrained": True, "weights": named}, seed=7, standardise="from_encoder")

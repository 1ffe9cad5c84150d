"""Several sources: each with its own encoder, or one that all share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from asking import ask
from groundwork.batch import Images
from groundwork.bundle import Bundle, BundleConfig, build_factory, load_bundle, save_bundle
from groundwork.config.model import ModelConfig
from groundwork.errors import ComponentError, SpecError
from groundwork.models.assembly.encoder_decoder import EncoderDecoderFactory, EncoderDecoderModel
from groundwork.models.flow import count_macs
from groundwork.specs import RasterSpec, TargetSpec

RESNET = {"name": "timm", "model": "test_resnet"}


def raster(num_bands: int) -> RasterSpec:
    return RasterSpec(bands=[f"B{index}" for index in range(num_bands)], dtype="int16", nodata=None)


SOURCES = {"optical": raster(3), "radar": raster(2)}


def build(target: TargetSpec, inputs: dict[str, RasterSpec] | None = None, **words: Any) -> EncoderDecoderModel:
    plain: dict[str, Any] = {"necks": [{"name": "merge_sources"}], "decoder": {"name": "fcn", "channels": 8}}
    config = ModelConfig.model_validate(plain | words)
    model = EncoderDecoderFactory().build_model(config, inputs or SOURCES, target)
    assert isinstance(model, EncoderDecoderModel)
    return model


def images(side: int = 37) -> dict[str, torch.Tensor]:
    return {name: torch.randn(2, spec.num_channels, side, side + 5) for name, spec in SOURCES.items()}


def test_each_source_has_its_own_encoder_and_statistics(target: TargetSpec) -> None:
    model = build(target, encoders={"optical": RESNET, "radar": RESNET}).eval()
    given = images()
    before = ask(model, given).output
    assert before.shape == (2, 2, 37, 42)
    changed = {**given, "radar": given["radar"] + 1}
    assert not torch.allclose(ask(model, changed).output, before)
    model.set_statistics([1.0, 1.0], [1.0, 1.0], "radar")
    torch.testing.assert_close(ask(model, changed).output, before, atol=1e-5, rtol=1e-4)
    with pytest.raises(ValueError, match=r"'source' must be one of \['optical', 'radar'\], found None"):
        model.set_statistics([1.0], [1.0])


def test_order_of_the_dict_does_not_matter(target: TargetSpec) -> None:
    model = build(target, encoders={"radar": RESNET, "optical": RESNET}).eval()
    given = images()
    torch.testing.assert_close(ask(model, dict(reversed(given.items()))).output, ask(model, given).output)


def test_one_encoder_is_shared_by_sources_alike(target: TargetSpec) -> None:
    inputs = {"before": raster(3), "after": raster(3)}
    model = build(target, inputs, encoder=RESNET)
    assert len(model.encoder.encoders) == 1
    given = {name: torch.randn(1, 3, 32, 32) for name in inputs}
    output = ask(model.eval(), given).output
    swapped = {"before": given["after"], "after": given["before"]}
    assert not torch.allclose(ask(model, swapped).output, output)


def test_each_source_has_its_own_validity(target: TargetSpec) -> None:
    inputs = {"a": raster(1), "b": raster(1)}
    model = build(target, inputs, encoders=dict.fromkeys(inputs, "identity"))
    values = {source: torch.ones(1, 1, 1, 2) for source in inputs}
    left = torch.tensor([[[True, False]]])
    both = model.prepare(Images(values, dict.fromkeys(inputs, left))).images.values
    assert both["b"].flatten().tolist() == [1.0, 0.0]
    apart = model.prepare(Images(values, {"a": left})).images.values
    assert (apart["a"].flatten().tolist(), apart["b"].flatten().tolist()) == ([1.0, 0.0], [1.0, 1.0])


TERRAMIND = {
    "name": "terramind",
    "variant": "terramind_v1_tiny",
    "modalities": {"optical": "S2L2A", "elevation": "DEM"},
    "merge": "concat",
    "out_indices": [0],
}
OPTICAL = RasterSpec(bands=["RED", "BLUE", "GREEN"], dtype="int16", nodata=None)
#: Sources that are not written in the order of their names, and encoders of each kind for them.
UNSORTED = {"optical": OPTICAL, "elevation": RasterSpec(bands=["DEM"], dtype="float32", nodata=None)}
ALIKE = {"optical": raster(3), "aerial": raster(3)}
JOURNEYS: dict[str, tuple[dict[str, RasterSpec], dict[str, Any]]] = {
    "one encoder each": (ALIKE, {"encoders": dict.fromkeys(ALIKE, RESNET)}),
    "one encoder each, of other bands": (UNSORTED, {"encoders": dict.fromkeys(UNSORTED, RESNET)}),
    "one shared encoder": (ALIKE, {"encoder": RESNET}),
    "terramind, channels behind one another": (UNSORTED, {"encoder": TERRAMIND, "necks": []}),
    "one image of all bands": (UNSORTED, {"encoder": {"name": "stack_sources", "encoder": RESNET}, "necks": []}),
    "one image of all bands, in an order of its own": (
        UNSORTED,
        {
            "encoder": {"name": "stack_sources", "encoder": RESNET, "order": ["optical", "elevation"]},
            "necks": [],
        },
    ),
    "one image of all bands, in patches of 14 pixels": (
        UNSORTED,
        {
            "encoder": {
                "name": "stack_sources",
                "encoder": {"name": "prithvi_vit", "image_size": 56, "patch_size": 14, "out_indices": [0, 1]},
            },
            "necks": [{"name": "pyramid", "finest_stride": 3.5}],
            "decoder": {"name": "upernet", "channels": 8},
        },
    ),
    "one vector of both": (
        ALIKE,
        {"factory": {"name": "embedding", "pooling": "max"}, "encoders": dict.fromkeys(ALIKE, RESNET), "decoder": None},
    ),
}


@pytest.mark.parametrize(("inputs", "words"), JOURNEYS.values(), ids=JOURNEYS)
def test_sources_come_back_from_a_bundle_as_they_went_in(
    target: TargetSpec, tmp_path: Path, inputs: dict[str, RasterSpec], words: dict[str, Any]
) -> None:
    plain: dict[str, Any] = {"necks": [{"name": "merge_sources"}], "decoder": {"name": "fcn", "channels": 8}}
    config = ModelConfig.model_validate(plain | words)
    model = build_factory(config).build_model(config, inputs, target).eval()
    for source, spec in inputs.items():
        model.set_statistics([float(len(source))] * spec.num_channels, [2.0] * spec.num_channels, source)
    described = BundleConfig(model=config, inputs=inputs, target=target, trained=True, provenance={})
    save_bundle(Bundle(described, model.state_dict()), tmp_path / "bundle")
    again = load_bundle(tmp_path / "bundle").build_model()
    given = {source: torch.randn(1, spec.num_channels, 32, 32) for source, spec in inputs.items()}
    with torch.inference_mode():
        assert torch.equal(ask(again, given).output, ask(model, given).output)


def test_weights_are_kept_by_the_names_of_the_sources(target: TargetSpec) -> None:
    names = {
        key.split(".")[2]
        for key in build(target, ALIKE, encoders=dict.fromkeys(ALIKE, RESNET)).state_dict()
        if key.startswith("encoder.encoders.")
    }
    assert names == {"aerial", "optical"}


@pytest.mark.parametrize("name", ["items", "train", "s1.grd"])
def test_names_that_torch_cannot_keep_are_refused(target: TargetSpec, name: str) -> None:
    inputs = {name: raster(3), "radar": raster(2)}
    with pytest.raises(SpecError, match=f"A source cannot be named '{name}'"):
        build(target, inputs, encoders=dict.fromkeys(inputs, RESNET))
    with pytest.raises(SpecError, match=f"A source cannot be named '{name}'"):
        build(target, {name: raster(3)}, encoder=RESNET, necks=[])


def test_sources_of_other_numbers_of_dates_go_together(target: TargetSpec) -> None:
    dated = {"optical": (3, 3), "radar": (2, 2)}
    inputs = {
        source: RasterSpec(
            bands=[f"B{index}" for index in range(bands)], dtype="int16", nodata=None, steps=steps, layout="steps_first"
        )
        for source, (bands, steps) in dated.items()
    }
    prithvi = {"name": "prithvi_vit", "image_size": 32, "out_indices": [0], "coordinates": ["time"]}
    timm = {"name": "per_date", "encoder": {"name": "timm", "model": "test_vit", "out_indices": [0]}}
    merge = [{"name": "pool_time", "pooling": "mean"}, {"name": "merge_sources"}]
    model = build(target, inputs, encoders={"optical": prithvi, "radar": timm}, necks=merge).eval()
    given = {source: torch.randn(1, bands, steps, 32, 32) for source, (bands, steps) in dated.items()}
    dates = {
        source: torch.tensor([[[2021.0, 40.0 * step] for step in range(steps)]]) for source, (_, steps) in dated.items()
    }
    before = ask(model, given, None, dates).output
    assert before.shape == (1, 2, 32, 32)
    later = {**dates, "optical": dates["optical"] + torch.tensor([0.0, 90.0])}
    assert not torch.allclose(ask(model, given, None, later).output, before)
    assert count_macs(model, inputs, 32) > 0


@pytest.mark.parametrize(
    ("words", "error", "message"),
    [
        ({"encoder": RESNET}, SpecError, "cannot share 'timm', as they differ in bands or steps"),
        ({"encoders": {"optical": RESNET}}, ComponentError, r"names \['optical'\], data.sources has \['optical', 'rad"),
        ({}, ComponentError, "needs an 'encoder', or 'encoders'"),
        ({"encoders": {"optical": RESNET, "radar": RESNET}, "necks": []}, SpecError, "Put a 'merge_sources' neck"),
    ],
)
def test_what_does_not_fit_is_refused(
    target: TargetSpec, words: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        build(target, **words)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"optical": torch.zeros(1, 3, 8, 8)}, r"sees the sources \['optical', 'radar'\].*given \['optical'\]"),
        ({"optical": torch.zeros(1, 3, 8, 8), "radar": torch.zeros(1, 2, 8, 4)}, "one height and width"),
        ({"optical": torch.zeros(1, 3, 8, 8), "radar": torch.zeros(1, 3, 8, 8)}, r"built for \(batch, 2, height, wi"),
    ],
)
def test_wrong_images_are_named(target: TargetSpec, given: Any, message: str) -> None:
    model = build(target, encoders={"optical": RESNET, "radar": RESNET})
    with pytest.raises(ValueError, match=message):
        ask(model, given)


@pytest.mark.parametrize("is_wrapped", [False, True])
def test_an_encoder_of_several_sources_may_stand_for_one(is_wrapped: bool, target: TargetSpec) -> None:
    terramind = TERRAMIND | {"modalities": {"optical": "S2L2A"}}
    stacked = OPTICAL.model_copy(update={"steps": 2, "layout": "steps_first"})
    inputs = {"optical": stacked if is_wrapped else OPTICAL, "radar": raster(2)}
    wrapped = {"name": "per_date", "encoder": terramind, "pooling": "difference"} if is_wrapped else terramind
    vit = {"name": "timm", "model": "test_vit", "out_indices": [0]}
    model = build(target, inputs, encoders={"optical": wrapped, "radar": vit}).eval()
    steps = (2,) if is_wrapped else ()
    given = {"optical": torch.randn(2, 3, *steps, 37, 42), "radar": torch.randn(2, 2, 37, 42)}
    output = ask(model, given).output
    assert output.shape == (2, 2, 37, 42)
    changed = {**given, "optical": torch.randn_like(given["optical"])}
    assert not torch.allclose(ask(model, changed).output, output)


def test_an_encoder_of_several_sources_says_which_it_lacks(target: TargetSpec) -> None:
    encoders = {"optical": TERRAMIND, "radar": RESNET}
    with pytest.raises(ComponentError, match=r"^model\.encoders\.optical: .*'modalities' must say of each source"):
        build(target, {"optical": OPTICAL, "radar": raster(2)}, encoders=encoders)


VIT = {"name": "timm", "model": "test_vit"}


@pytest.mark.parametrize("decoder", ["unet", "fcn", "upernet", "dpt", "segformer_mlp", "linear"])
def test_a_convolutional_network_and_a_transformer_are_joined(decoder: str, target: TargetSpec) -> None:
    encoders = {"optical": RESNET, "radar": VIT}
    words = {"encoders": encoders, "necks": "auto", "decoder": decoder}
    config = EncoderDecoderFactory().resolve(ModelConfig.model_validate(words), SOURCES, target)
    assert [neck.name for neck in config.necks][:2] == ["per_source", "merge_sources"]
    # As a bundle keeps it.
    config = ModelConfig.model_validate_json(config.model_dump_json())
    model = EncoderDecoderFactory().build_model(config, SOURCES, target).train()
    output = ask(model, images()).output
    assert output.shape == (2, 2, 37, 42)
    output.sum().backward()
    used = [name for name, parameter in model.named_parameters() if parameter.grad is not None]
    for part in ("encoder.encoders.optical", "encoder.encoders.radar", "decoder"):
        assert any(name.startswith(part) for name in used) or (
            part == "decoder" and not list(model.decoder.parameters())
        )


def test_the_finest_levels_of_both_are_kept(target: TargetSpec) -> None:
    words = {"encoders": {"optical": RESNET, "radar": VIT}, "necks": "auto", "decoder": "unet"}
    config = EncoderDecoderFactory().resolve(ModelConfig.model_validate(words), SOURCES, target)
    assert [neck.options for neck in config.necks] == [
        {
            "necks": {
                "optical": [{"name": "select", "indices": (1, 2, 3, 4)}],
                "radar": [{"name": "pyramid"}],
            }
        },
        {"pooling": "concat"},
    ]

"""One answer per image, and features as they are."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from asking import SOURCE, ask, encode, one
from groundwork.bundle import build_factory
from groundwork.config.model import ModelConfig
from groundwork.errors import ComponentError, SpecError
from groundwork.models.interface import Model
from groundwork.specs import OutputSpec, RasterSpec, TargetSpec

RESNET = {"name": "timm", "model": "test_resnet"}


def build(inputs: RasterSpec, target: TargetSpec, **words: Any) -> Model:
    config = ModelConfig.model_validate({"encoder": RESNET, **words})
    return build_factory(config).build_model(config, one(inputs), target)


@pytest.fixture
def per_image(target: TargetSpec) -> TargetSpec:
    return target.model_copy(update={"per": "image"})


def test_the_head_that_fits_the_target_is_taken(raster: RasterSpec, target: TargetSpec, per_image: TargetSpec) -> None:
    numbers = TargetSpec(outputs=(OutputSpec(name="a"), OutputSpec(name="b")))
    heads = {
        "SegmentationHead": target,
        "RegressionHead": numbers,
        "ClassificationHead": per_image,
        "ScalarRegressionHead": numbers.model_copy(update={"per": "image"}),
    }
    for name, wanted in heads.items():
        model = build(raster, wanted).eval()
        assert type(model.head).__name__ == name
        shape = (1, 2) if wanted.per == "image" else (1, 2, 33, 40)
        assert ask(model, torch.randn(1, 3, 33, 40)).output.shape == shape


def test_scores_of_an_image_are_those_of_its_mean_features(raster: RasterSpec, per_image: TargetSpec) -> None:
    model = build(raster, per_image, head={"name": "classification", "pooling": "mean"}).eval()
    image = torch.randn(2, 3, 64, 64)
    pooled = encode(model.encoder, image)[-1].mean((-2, -1))
    last = [part for part in model.head.modules() if isinstance(part, torch.nn.Linear)][-1]
    torch.testing.assert_close(ask(model, image).output, last(pooled), atol=1e-5, rtol=1e-4)


def test_auxiliary_branches_answer_while_training(raster: RasterSpec, per_image: TargetSpec) -> None:
    branch = {"early": {"decoder": {"name": "identity", "level": 0}}}
    model = build(raster, per_image, auxiliary=branch)
    image = torch.randn(2, 3, 64, 64)
    assert ask(model.train(), image).auxiliary["early"].shape == (2, 2)
    assert ask(model.eval(), image).auxiliary == {}


def test_head_and_target_must_ask_the_same(raster: RasterSpec, target: TargetSpec, per_image: TargetSpec) -> None:
    with pytest.raises(ComponentError, match=r"'classification' gives one answer per image.*head 'segmentation'"):
        build(raster, target, head={"name": "classification"})
    with pytest.raises(ComponentError, match=r"'segmentation' gives one answer per pixel.*head 'classification'"):
        build(raster, per_image, head={"name": "segmentation"})


@pytest.mark.parametrize("pooling", ["none", "mean", "max", "min"])
def test_embeddings_are_the_encoders_features(raster: RasterSpec, target: TargetSpec, pooling: str) -> None:
    model = build(raster, target, factory={"name": "embedding", "pooling": pooling, "level": 1}).eval()
    image = torch.randn(2, 3, 64, 64)
    level = encode(model.encoder, image)[1]
    expected = {"none": level, "mean": level.mean((2, 3)), "max": level.amax((2, 3)), "min": level.amin((2, 3))}
    torch.testing.assert_close(ask(model, image).output, expected[pooling])


def test_embeddings_that_do_not_exist_are_refused(raster: RasterSpec, target: TargetSpec) -> None:
    with pytest.raises(SpecError, match=r"has no level 5"):
        build(raster, target, factory={"name": "embedding", "level": 5})
    with pytest.raises(SpecError, match=r"needs an encoder that gives a global vector"):
        build(raster, target, factory={"name": "embedding", "pooling": "vector"})
    with pytest.raises(ComponentError, match=r"'embedding' has no use for \['decoder'\]"):
        build(raster, target, factory="embedding", decoder={"name": "fcn"})


def test_statistics_of_pretraining_are_taken_on_request(target: TargetSpec) -> None:
    bands = [{"name": name, "scale": 0.0001, "unit": "reflectance"} for name in ("SWIR_1", "BLUE")]
    inputs = RasterSpec(bands=bands, dtype="int16", nodata=None)
    prithvi = {"name": "prithvi_vit", "out_indices": [-1], "image_size": 32}
    model = build(inputs, target, encoder=prithvi, standardise="from_encoder")
    assert model.standardise[SOURCE].mean.tolist() == [1958.0, 1087.0]
    assert model.standardise[SOURCE].std.tolist() == [1242.0, 2248.0]
    with pytest.raises(SpecError, match=r"publishes statistics"):
        build(inputs, target, encoder={"name": "unet"}, standardise="from_encoder")


def test_images_of_another_shape_are_refused(raster: RasterSpec, target: TargetSpec) -> None:
    model = build(raster, target)
    for shape in ((1, 4, 32, 32), (3, 32, 32), (1, 3, 2, 32, 32), (1, 3, 0, 32)):
        with pytest.raises(ValueError, match=r"'optical' has the shape .* built for \(batch, 3, height, width\)"):
            ask(model, torch.zeros(shape))


def test_images_that_stay_of_their_size_are_pooled_with_their_last_cells(
    raster: RasterSpec, per_image: TargetSpec
) -> None:
    model = build(raster, per_image, padding="none").eval()
    image = torch.randn(2, 3, 65, 70)
    pooled = encode(model.encoder, image)[-1].mean((-2, -1))
    last = [part for part in model.head.modules() if isinstance(part, torch.nn.Linear)][-1]
    torch.testing.assert_close(ask(model, image).output, last(pooled), atol=1e-5, rtol=1e-4)

"""Networks of other libraries, and a user's own, behind the interface of a model."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import segmentation_models_pytorch as smp
import timm
import torch
from torch import Tensor, nn
from torchgeo.models import list_models

from asking import ask, one
from groundwork.bundle import build_factory
from groundwork.config.model import ModelConfig
from groundwork.errors import ComponentError, SpecError
from groundwork.models.interface import Model
from groundwork.models.without_memory import without_memory
from groundwork.specs import ClassSpec, OutputSpec, RasterSpec, TargetSpec

SMP = {"name": "smp", "architecture": "Unet", "encoder": "resnet18"}
TIMM = {"name": "timm", "model": "test_resnet"}


def build(factory: dict[str, Any], inputs: RasterSpec, target: TargetSpec, **words: Any) -> Model:
    config = ModelConfig.model_validate({"factory": factory, **words})
    return build_factory(config).build_model(config, one(inputs), target)


@pytest.fixture
def per_image(target: TargetSpec) -> TargetSpec:
    return target.model_copy(update={"per": "image"})


def test_smp_gives_what_smp_gives(raster: RasterSpec, target: TargetSpec) -> None:
    model = build(SMP, raster, target).eval()
    alone = smp.Unet("resnet18", encoder_weights=None, in_channels=3, classes=2).eval()
    alone.load_state_dict(model.network.state_dict())
    model.set_statistics([5.0] * 3, [2.0] * 3)
    image = torch.randn(1, 3, 64, 64)
    torch.testing.assert_close(ask(model, image).output, alone((image - 5) / 2))
    assert ask(model, torch.randn(1, 3, 33, 50)).output.shape == (1, 2, 33, 50)


def test_timm_gives_what_timm_gives(raster: RasterSpec, per_image: TargetSpec) -> None:
    model = build(TIMM, raster, per_image).eval()
    alone = timm.create_model("test_resnet", num_classes=2).eval()
    alone.load_state_dict(model.network.state_dict())
    image = torch.randn(2, 3, 64, 64)
    torch.testing.assert_close(ask(model, image).output, alone(image))


@pytest.mark.parametrize(("model", "steps"), [("fcn", 1), ("unet", 1), ("fc_siam_conc", 2), ("fc_siam_diff", 2)])
def test_torchgeo_gives_scores_per_pixel(model: str, steps: int, make_raster: Any, target: TargetSpec) -> None:
    made = build({"name": "torchgeo", "model": model}, make_raster(4, steps), target).eval()
    size = (4, steps, 40, 33) if steps > 1 else (4, 40, 33)
    image = torch.randn(1, *size)
    output = ask(made, image).output
    assert output.shape == (1, 2, 40, 33)
    if model == "fc_siam_diff":
        # The difference of a scene with itself is nothing, whatever the scene's second copy is called.
        torch.testing.assert_close(ask(made, image.flip(2)).output.shape, output.shape)


def test_torchgeo_classifies_images(raster: RasterSpec, per_image: TargetSpec) -> None:
    model = build({"name": "torchgeo", "model": "resnet18"}, raster, per_image).eval()
    assert ask(model, torch.randn(2, 3, 64, 64)).output.shape == (2, 2)


@pytest.mark.parametrize("name", [name for name in list_models() if name.startswith(("resnet", "swin", "vit"))])
def test_every_classifier_of_torchgeo_is_built_and_runs(name: str, make_raster: Any, per_image: TargetSpec) -> None:
    with without_memory():
        model = build({"name": "torchgeo", "model": name}, make_raster(4), per_image).eval()
        assert ask(model, torch.empty(2, 4, 250, 100)).output.shape == (2, 2)
    first = next(module for module in model.network.modules() if isinstance(module, nn.Conv2d))
    assert first.in_channels == 4
    model.freeze_encoder()
    trained = [parameter for parameter in model.network.parameters() if parameter.requires_grad]
    assert [len(parameter) for parameter in trained] == [2, 2]


@pytest.mark.parametrize(
    ("factory", "multiple", "least"),
    [
        (TIMM, 1, 1),
        (TIMM | {"model": "vit_tiny_patch16_224"}, 16, 16),
        (TIMM | {"model": "swin_tiny_patch4_window7_224"}, 4, 4),
        (SMP | {"architecture": "PAN"}, 16, 128),
        (SMP | {"architecture": "DPT", "encoder": "tu-vit_tiny_patch16_224"}, 32, 32),
    ],
)
@pytest.mark.parametrize("size", [(250, 100), (64, 64), (7, 300)])
def test_networks_take_images_of_any_size(
    factory: dict[str, Any],
    multiple: int,
    least: int,
    size: tuple[int, int],
    raster: RasterSpec,
    target: TargetSpec,
    per_image: TargetSpec,
) -> None:
    is_image = factory["name"] == "timm"
    with without_memory():
        model = build(factory, raster, per_image if is_image else target).eval()
        assert (model.sizes.multiple, model.sizes.least, model.sizes.only) == (multiple, least, None)
        assert ask(model, torch.empty(1, 3, *size)).output.shape == ((1, 2) if is_image else (1, 2, *size))


def test_a_network_of_one_size_pads_smaller_images_and_names_larger_ones(
    raster: RasterSpec, per_image: TargetSpec
) -> None:
    with without_memory():
        model = build(TIMM | {"model": "test_maxvit"}, raster, per_image).eval()
        assert model.sizes.only == 160
        assert ask(model, torch.empty(1, 3, 100, 60)).output.shape == (1, 2)
        with pytest.raises(ValueError, match=r"images of 160 x 160 pixels only, and was given 250 x 100\. Cut chips"):
            ask(model, torch.empty(1, 3, 250, 100))
        larger = build(TIMM | {"model": "test_maxvit", "options": {"img_size": 256}}, raster, per_image).eval()
        assert ask(larger, torch.empty(1, 3, 250, 100)).output.shape == (1, 2)


def test_one_class_is_one_score_per_image(raster: RasterSpec) -> None:
    only = TargetSpec(classes=(ClassSpec(value=1, name="ship", color="#ff0000"),), per="image")
    assert ask(build(TIMM, raster, only).eval(), torch.zeros(2, 3, 32, 32)).output.shape == (2, 1)


@pytest.mark.parametrize("factory", [SMP, TIMM])
def test_encoder_and_the_rest_freeze_apart(
    factory: dict[str, Any], raster: RasterSpec, target: TargetSpec, per_image: TargetSpec
) -> None:
    for of_encoder in (True, False):
        model = build(factory, raster, target if factory is SMP else per_image).train()
        (model.freeze_encoder if of_encoder else model.freeze_decoder)()
        model.train()
        frozen = {name for name, parameter in model.network.named_parameters() if not parameter.requires_grad}
        is_encoder = {name for name, _ in model.network.named_parameters() if name.startswith("encoder.")}
        if factory is TIMM:
            is_encoder = {name for name, _ in model.network.named_parameters() if not name.startswith("fc.")}
        everything = {name for name, _ in model.network.named_parameters()}
        assert frozen == (is_encoder if of_encoder else everything - is_encoder)
        norms = [part for name, part in model.network.named_modules() if isinstance(part, nn.BatchNorm2d)]
        assert any(not part.training for part in norms) == (of_encoder or factory is SMP)


def test_masked_autoencoder_paints_what_it_was_not_shown(raster: RasterSpec, target: TargetSpec) -> None:
    model = build({"name": "full_model", "model": {"name": "prithvi_mae"}}, raster, target)
    model.set_statistics([5.0] * 3, [2.0] * 3)
    given = ask(model, torch.randn(2, 3, 40, 64) * 2 + 5)
    assert given.output.shape == (2, 3, 1, 40, 64)
    assert set(given.auxiliary["mask"].unique().tolist()) == {0.0, 1.0}
    given.losses["reconstruction"].backward()
    assert model.network.decoder.mask_token.grad.abs().sum() > 0
    model.freeze_encoder()
    assert not any(parameter.requires_grad for parameter in model.network.encoder.parameters())


OWN = """
from torch import nn
class Own(nn.Module):
    def __init__(self, num_channels: int, num_outputs: int, *, width: int = 4) -> None:
        super().__init__()
        self.body = nn.Conv2d(num_channels, width, 1)
        self.last = nn.Conv2d(width, num_outputs, 1)
    def forward(self, image):
        return self.last(self.body(image))
"""


@pytest.fixture
def own_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    (tmp_path / "own_whole_model.py").write_text(OWN)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield "own_whole_model"
    sys.modules.pop("own_whole_model", None)


def test_a_users_module_is_one_file_and_one_name(own_module: str, raster: RasterSpec, target: TargetSpec) -> None:
    factory = {"name": "full_model", "model": {"name": f"{own_module}.Own", "width": 3}, "encoder": ["body"]}
    model = build(factory, raster, target)
    assert ask(model, torch.randn(1, 3, 5, 7)).output.shape == (1, 2, 5, 7)
    model.freeze_encoder()
    assert [n for n, p in model.network.named_parameters() if p.requires_grad] == ["last.weight", "last.bias"]
    with pytest.raises(ComponentError, match=r"no option 'widht'. Did you mean 'width'"):
        build({"name": "full_model", "model": {"name": f"{own_module}.Own", "widht": 3}}, raster, target)


@pytest.mark.parametrize(
    ("factory", "words", "message"),
    [
        (SMP | {"architecture": "Unett"}, {}, "no architecture 'Unett'. Did you mean 'Unet'"),
        (SMP | {"encoder": "resnet81"}, {}, "no encoder 'resnet81'. Did you mean 'resnet18'"),
        (SMP | {"options": {"decoder_chanels": [1]}}, {}, "Did you mean 'decoder_channels'"),
        (SMP, {"encoder": TIMM}, r"'smp' has no use for \['encoder'\]"),
        (SMP, {"standardise": "from_encoder"}, "needs an encoder; the factory 'smp' has none"),
        (TIMM | {"model": "resnet81"}, {}, "timm has no model 'resnet81'"),
        ({"name": "torchgeo", "model": "resnet81"}, {}, "has no model 'resnet81'. Did you mean 'resnet18'"),
        ({"name": "full_model", "model": {"name": "prithvi_mea"}}, {}, "Did you mean 'prithvi_mae'"),
        ({"name": "smp", "architecture": "Unet", "model": "x"}, {}, "it has no option 'model'"),
    ],
)
def test_mistakes_are_named(
    factory: dict[str, Any], words: dict[str, Any], message: str, raster: RasterSpec, target: TargetSpec
) -> None:
    with pytest.raises(ComponentError, match=message):
        build(factory, raster, target, **words)


def test_the_target_must_be_what_a_network_answers(
    raster: RasterSpec, make_raster: Any, target: TargetSpec, per_image: TargetSpec
) -> None:
    with pytest.raises(SpecError, match=r"one answer per pixel: set the target's 'per: pixel'"):
        build(SMP, raster, per_image)
    with pytest.raises(SpecError, match=r"one answer per image"):
        build(TIMM, raster, target)
    with pytest.raises(SpecError, match=r"sees one time step, the rasters hold 2"):
        build(SMP, make_raster(3, 2), target)
    with pytest.raises(SpecError, match=r"sees 2 time step\(s\), the rasters hold 1"):
        build({"name": "torchgeo", "model": "fc_siam_conc"}, raster, target)


def test_images_of_another_shape_are_refused(raster: RasterSpec, target: TargetSpec) -> None:
    model = build({"name": "torchgeo", "model": "fcn"}, raster, target)
    with pytest.raises(ValueError, match=r"shape \(1, 4, 8, 8\); the model was built for \(batch, 3, height, width\)"):
        ask(model, torch.zeros(1, 4, 8, 8))


def test_regression_targets_set_the_number_of_outputs(raster: RasterSpec) -> None:
    numbers = TargetSpec(outputs=tuple(OutputSpec(name=name) for name in ("height", "biomass", "cover")))
    output: Tensor = ask(build(SMP, raster, numbers).eval(), torch.zeros(1, 3, 32, 32)).output
    assert output.shape == (1, 3, 32, 32)

"""The assembly: any size in, the same size out, and nothing of what is not valid."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy

import pytest
import torch
from pydantic import ValidationError
from torch import nn
from torch.nn import functional

from asking import ask, one
from groundwork.bundle import build_factory
from groundwork.config.model import ModelConfig
from groundwork.errors import ComponentError
from groundwork.models.assembly.encoder_decoder import EncoderDecoderModel
from groundwork.specs import RasterSpec, TargetSpec

MakeModel = Callable[..., EncoderDecoderModel]
TINY_VIT = {"name": "timm", "model": "test_vit"}
AUXILIARY = {"deep": {"decoder": {"name": "fcn", "channels": 8}}, "fine": {"decoder": {"name": "fcn", "level": 0}}}


@pytest.mark.parametrize("size", [(1, 1), (7, 7), (33, 33), (64, 50)])
def test_scores_have_the_size_of_the_image(make_model: MakeModel, size: tuple[int, int]) -> None:
    model = make_model().eval()
    assert ask(model, torch.randn(2, 3, *size)).output.shape == (2, 2, *size)


def test_size_multiple_covers_the_levels_of_encoder_and_necks(make_model: MakeModel) -> None:
    assert make_model().sizes.multiple == 32
    necks = [{"name": "select", "indices": [0, 1, 2, -1]}, {"name": "pyramid"}]
    model = make_model(encoder=TINY_VIT, necks=necks, decoder={"name": "unet", "channels": [16, 8, 8]})
    assert model.encoder.size_multiple == 16
    assert model.sizes.multiple == 32
    assert ask(model.eval(), torch.randn(1, 3, 17, 40)).output.shape == (1, 2, 17, 40)


def test_values_without_data_never_reach_the_scores(make_model: MakeModel) -> None:
    model = make_model().eval()
    model.set_statistics([5.0, 5.0, 5.0], [2.0, 2.0, 2.0])
    image = torch.randn(1, 3, 40, 40)
    valid = torch.ones(1, 40, 40, dtype=torch.bool)
    valid[0, 10:20, :] = False
    scores = []
    for raw in (float("nan"), float("inf"), 5.0, -32768.0):
        image[:, :, 10:20] = raw
        scores.append(ask(model, image, valid).output)
    assert scores[0].isfinite().all()
    for other in scores[1:]:
        torch.testing.assert_close(scores[0], other, rtol=0, atol=0)


def test_raw_integers_go_in(make_model: MakeModel) -> None:
    model = make_model().eval()
    raw = torch.randint(-100, 3000, (1, 3, 32, 32))
    expected = ask(model, raw.float()).output
    for dtype in (torch.int16, torch.int32, torch.float64):
        torch.testing.assert_close(ask(model, raw.to(dtype)).output, expected, rtol=0, atol=0)


def test_time_steps_and_coordinates_reach_the_encoder(
    make_model: MakeModel, make_raster: Callable[..., RasterSpec]
) -> None:
    encoder = {"name": "prithvi_vit", "image_size": 32, "coordinates": ["time", "location"]}
    model = make_model(make_raster(2, steps=2), encoder=encoder, decoder={"name": "fcn", "channels": 8}).eval()
    image, time, place = torch.randn(1, 2, 2, 20, 36), torch.tensor([[[2021.0, 3.0], [2021.0, 9.0]]]), torch.ones(1, 2)
    output = ask(model, image, None, time, place).output
    assert output.shape == (1, 2, 20, 36)
    assert not torch.equal(output, ask(model, image, None, time, -place).output)
    assert not torch.equal(output, ask(model, image, None, time + 100, place).output)


def test_auxiliary_scores_come_by_name_and_only_in_training(make_model: MakeModel) -> None:
    model = make_model(auxiliary=AUXILIARY)
    image = torch.randn(2, 3, 40, 70)
    given = ask(model.train(), image)
    assert {name: tuple(scores.shape) for name, scores in given.auxiliary.items()} == {
        "deep": (2, 2, 40, 70),
        "fine": (2, 2, 40, 70),
    }
    assert ask(model.eval(), image).auxiliary == {}


def test_frozen_encoder_keeps_weights_and_statistics(make_model: MakeModel) -> None:
    model = make_model()
    model.freeze_encoder()
    model.train()
    before = deepcopy(model.state_dict())
    ask(model, torch.randn(2, 3, 64, 64)).output.sum().backward()
    after = model.state_dict()
    moved = {key for key in after if not torch.equal(before[key], after[key])}
    assert moved
    assert not any(key.startswith("encoder.") for key in moved)
    assert all(parameter.grad is None for parameter in model.encoder.parameters())
    assert model.decoder.training
    assert not any(part.training for part in model.encoder.modules())


def test_frozen_decoder_keeps_necks_heads_and_branches(make_model: MakeModel) -> None:
    model = make_model(
        encoder=TINY_VIT,
        necks=[{"name": "select", "indices": [0, 1, 2, -1]}, {"name": "pyramid"}],
        decoder={"name": "upernet", "channels": 8},
        auxiliary=AUXILIARY,
    )
    model.freeze_decoder()
    model.train()
    before = deepcopy(model.state_dict())
    given = ask(model, torch.randn(2, 3, 64, 64))
    sum([scores.sum() for scores in given.auxiliary.values()], given.output.sum()).backward()
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())
    assert all(parameter.requires_grad for parameter in model.encoder.parameters())
    trained = {key.split(".")[0] for key, parameter in model.named_parameters() if parameter.requires_grad}
    assert trained == {"encoder"}
    assert model.encoder.training


def test_freezing_survives_a_deep_copy(make_model: MakeModel) -> None:
    model = make_model()
    model.freeze_encoder()
    copied = deepcopy(model).train()
    assert not copied.encoder.training
    assert copied.decoder.training


def test_upernet_trains_on_a_single_image_whose_pools_are_single_cells(make_model: MakeModel) -> None:
    model = make_model(decoder={"name": "upernet", "channels": 8}).train()
    given = ask(model, torch.randn(1, 3, 64, 64)).output
    assert given.isfinite().all()
    given.sum().backward()


def test_decoders_leave_the_features_of_the_others_alone(make_model: MakeModel) -> None:
    """The branches share the feature maps, so none may change them in place."""
    model = make_model(auxiliary=AUXILIARY).train()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()
    image = torch.randn(1, 3, 64, 64)
    alone = make_model()
    alone.load_state_dict({key: value for key, value in model.state_dict().items() if "auxiliary" not in key})
    torch.testing.assert_close(ask(model, image).output, ask(alone.eval(), image).output)


@pytest.mark.parametrize("multiple", [None, 64])
def test_images_may_grow_by_reflection(make_model: MakeModel, multiple: int | None) -> None:
    model = make_model(padding="reflect", padding_multiple=multiple).eval()
    plain = make_model().eval()
    plain.load_state_dict(model.state_dict())
    image = torch.randn(1, 3, 40, 55)
    height, width = (64, 64)
    # Of 9 columns, 4 come before and 5 behind.
    grown = functional.pad(image, (4, width - 59, 12, height - 52), mode="reflect")
    expected = ask(plain, grown).output[..., 12:52, 4:59]
    torch.testing.assert_close(ask(model, image).output, expected, rtol=0, atol=0)
    assert model.sizes.multiple == (multiple or 32)


def test_images_may_stay_of_their_size(make_model: MakeModel) -> None:
    model = make_model(padding="none").eval()
    image = torch.randn(1, 3, 41, 55)
    seen = []
    model.encoder.network.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].shape[-2:]))
    assert ask(model, image).output.shape == (1, 2, 41, 55)
    assert seen == [(41, 55)]
    scores = ask(model, image[..., :32, :32]).output
    plain = make_model().eval()
    plain.load_state_dict(model.state_dict())
    torch.testing.assert_close(scores, ask(plain, image[..., :32, :32]).output, rtol=0, atol=0)


def test_patches_with_a_rest_are_refused(make_model: MakeModel) -> None:
    model = make_model(padding="none", encoder=TINY_VIT, decoder={"name": "fcn", "channels": 8}).eval()
    assert ask(model, torch.randn(1, 3, 48, 32)).output.shape == (1, 2, 48, 32)
    with pytest.raises(ValueError, match="sees patches of 16 pixels, which an image of 40 x 32 has no whole number of"):
        ask(model, torch.randn(1, 3, 40, 32))


def test_an_image_that_stays_smaller_than_the_only_size_is_refused(make_model: MakeModel) -> None:
    encoder = {"name": "timm", "model": "mixer_s32_224"}
    decoder = {"name": "fcn", "channels": 8}
    assert ask(make_model(encoder=encoder, decoder=decoder).eval(), torch.randn(1, 3, 64, 64)).output.shape[-1] == 64
    model = make_model(padding="none", encoder=encoder, decoder=decoder).eval()
    with pytest.raises(ValueError, match="224 x 224 pixels only, and was given 64 x 64, which 'padding: none' leaves"):
        ask(model, torch.randn(1, 3, 64, 64))


def test_other_factories_grow_images_in_their_own_way(raster: RasterSpec, target: TargetSpec) -> None:
    config = ModelConfig.model_validate({"factory": {"name": "smp", "architecture": "Unet"}, "padding": "reflect"})
    with pytest.raises(ComponentError, match="'smp' grows images in its own way: set 'padding: symmetric'"):
        build_factory(config).build_model(config, one(raster), target)
    with pytest.raises(ValidationError, match="'padding_multiple' goes with 'padding: reflect'"):
        ModelConfig.model_validate({"padding_multiple": 32})

"""The assembly: any size in, the same size out, and nothing of what is not valid."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy

import pytest
import torch
from torch import nn

from asking import ask
from groundwork.models.assembly.encoder_decoder import EncoderDecoderModel
from groundwork.specs import RasterSpec

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

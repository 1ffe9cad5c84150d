"""Batch norms that convolutions hold: the same answers of every kind of network, and no guess where some differ."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from asking import SOURCE, images_of
from groundwork.batch import Images
from groundwork.config.inference import InferenceConfig
from groundwork.models.asking import ready_to_ask
from groundwork.models.assembly.encoder_decoder import EncoderDecoderModel
from groundwork.models.folding import fold_batch_norms
from groundwork.models.interface import Model

MakeModel = Callable[..., EncoderDecoderModel]
UNET = {"name": "unet", "channels": [16, 16, 8, 8]}
FCN: dict[str, Any] = {"name": "fcn", "channels": 8}
#: Network -> how many norms it keeps: those that follow no convolution, or one of a class that does more.
NETWORKS: dict[str, int] = {
    "resnet18": 0,
    "seresnet50": 0,
    "test_efficientnet": 0,
    "test_byobnet": 0,
    "tf_efficientnet_b0": 5,
    "densenet121": 62,
    "resnetv2_50": 16,
    "regnety_002": 0,
    "nf_resnet26": 0,
    "convnext_atto": 0,
}
#: Decoder -> its own words.
DECODERS: dict[str, dict[str, Any]] = {
    name: {} for name in ("aspp", "dpt", "fcn", "mlp", "segformer_mlp", "unet", "upernet")
} | {f"smp {name}": {"name": "smp", "model": name} for name in ("DeepLabV3", "Linknet", "PSPNet", "UnetPlusPlus")}


def norms_of(model: nn.Module) -> list[_BatchNorm]:
    return [part for part in model.modules() if isinstance(part, _BatchNorm)]


def as_if_trained(model: EncoderDecoderModel) -> EncoderDecoderModel:
    """Let norms do something, as after a training."""
    for norm in norms_of(model):
        if not norm.track_running_stats:
            continue
        for held, low, high in ((norm.running_mean, -0.3, 0.3), (norm.running_var, 0.5, 1.5), (norm.weight, 0.5, 1.5)):
            assert held is not None
            nn.init.uniform_(held, low, high)
        nn.init.uniform_(norm.bias, -0.3, 0.3)
    model.set_statistics([1000.0] * 3, [400.0] * 3)
    return model.eval()


def images(side: int = 64) -> Images:
    return images_of([SOURCE], torch.randn(2, 3, side, side) * 400 + 1000)


@torch.inference_mode()
def scores_of(model: Model, given: Images) -> Tensor:
    return model(given).output


def assert_same(found: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(found, expected, rtol=0.0, atol=5e-5 * float(expected.abs().max()))


@pytest.mark.parametrize(("network", "left"), NETWORKS.items(), ids=NETWORKS)
def test_networks_say_the_same_without_their_norms(make_model: MakeModel, network: str, left: int) -> None:
    model = as_if_trained(make_model(encoder={"name": "timm", "model": network}, decoder=FCN))
    given, count = images(), len(norms_of(model))
    before = scores_of(model, given)
    fold_batch_norms(model)
    assert len(norms_of(model)) == left < count
    assert_same(scores_of(model, given), before)


@pytest.mark.parametrize(("name", "words"), DECODERS.items(), ids=DECODERS)
def test_decoders_say_the_same_without_their_norms(make_model: MakeModel, name: str, words: dict[str, Any]) -> None:
    encoder = {"name": "timm", "model": "resnet18"}
    model = as_if_trained(make_model(encoder=encoder, decoder={"name": name} | words))
    given, count = images(), len(norms_of(model))
    before = scores_of(model, given)
    fold_batch_norms(model)
    # Of Linknet, five follow a transposed convolution.
    assert len(norms_of(model)) == (5 if name == "smp Linknet" else 0) < count
    assert_same(scores_of(model, given), before)


def test_a_model_that_is_asked_holds_no_norms_and_lies_channel_by_channel(make_model: MakeModel) -> None:
    model = as_if_trained(make_model(encoder={"name": "timm", "model": "resnet18"}, decoder=UNET))
    given, plain = images(40), deepcopy(model)
    asked = ready_to_ask(model.train(), InferenceConfig())
    assert not norms_of(asked)
    assert not any(part.training for part in asked.modules())
    kernels = [part.weight for part in asked.modules() if isinstance(part, nn.Conv2d)]
    assert all(kernel.is_contiguous(memory_format=torch.channels_last) for kernel in kernels)
    assert_same(scores_of(asked, given), scores_of(plain, given))


def test_a_network_without_padding_is_tried_on_a_size_that_it_takes(make_model: MakeModel) -> None:
    encoder = {"name": "timm", "model": "test_vit", "image_size": 48}
    model = as_if_trained(make_model(encoder=encoder, decoder=FCN, padding="none"))
    given = images(48)
    before, count = scores_of(model, given), len(norms_of(model))
    fold_batch_norms(model)
    assert len(norms_of(model)) < count
    assert_same(scores_of(model, given), before)


class Block(nn.Module):
    """A convolution and its norm."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(16, 16, 3, padding=1)
        self.norm = nn.BatchNorm2d(16)

    def forward(self, image: Tensor) -> Tensor:
        return torch.relu(self.norm(self.conv(image)))


class Beside(Block):
    """Its convolution's output goes elsewhere too."""

    def forward(self, image: Tensor) -> Tensor:
        seen = self.conv(image)
        return torch.relu(self.norm(seen)) + seen


class Twice(Block):
    """Its convolution is called twice, once without the norm."""

    def forward(self, image: Tensor) -> Tensor:
        return torch.relu(self.norm(self.conv(image))) + self.conv(image)


class ByWeight(Block):
    """Its convolution's weights are used without it."""

    def forward(self, image: Tensor) -> Tensor:
        return torch.relu(self.norm(self.conv(image))) + image * self.conv.weight.mean()


class ByValues(Block):
    """What it does follows from what it sees."""

    def forward(self, image: Tensor) -> Tensor:
        seen = self.conv(image)
        return torch.relu(self.norm(seen) if seen.mean() > 0 else seen)


class Standardised(nn.Conv2d):
    """A convolution that does something with its weights."""

    def forward(self, image: Tensor) -> Tensor:
        return nn.functional.conv2d(image, self.weight - self.weight.mean(), self.bias, padding=1)


class ByAnother(Block):
    """Its convolution is called without the norm by who holds it."""


class Caller(nn.Module):
    """Passes its block by."""

    def __init__(self) -> None:
        super().__init__()
        self.block = ByAnother()

    def forward(self, image: Tensor) -> Tensor:
        return self.block(image) + self.block.conv(image)


def _standardised() -> nn.Module:
    block = Block()
    block.conv = Standardised(16, 16, 3)
    return block


def _learning() -> nn.Module:
    block = Block()
    block.norm = nn.BatchNorm2d(16, track_running_stats=False)
    return block


def _hooked() -> nn.Module:
    block = Block()
    block.conv.register_forward_hook(lambda _part, _given, found: 2 * found)
    return block


def _shared() -> nn.Module:
    first, second = Block(), Block()
    second.conv = first.conv
    return nn.Sequential(first, second)


OTHERS: dict[str, Callable[[], nn.Module]] = {
    "output goes elsewhere": Beside,
    "called twice": Twice,
    "weights used": ByWeight,
    "follows from values": ByValues,
    "another convolution": _standardised,
    "no fixed statistics": _learning,
    "watched": _hooked,
    "shared": _shared,
    "called by another": Caller,
}


def with_block(make_model: MakeModel, block: nn.Module) -> EncoderDecoderModel:
    """A model whose decoder passes on what a block makes of it. Its own norms are held where it can be."""
    model = make_model(decoder=FCN, encoder={"name": "timm", "model": "test_vit"})
    decoder = model.decoder
    widen, narrow = nn.Conv2d(FCN["channels"], 16, 1), nn.Conv2d(16, FCN["channels"], 1)
    decoder.register_forward_hook(lambda _part, _given, found: narrow(block(widen(found))))
    decoder.add_module("block", block)
    return as_if_trained(model)


@pytest.mark.parametrize("make_block", OTHERS.values(), ids=OTHERS)
def test_a_norm_stays_where_its_convolution_does_more(
    make_model: MakeModel, make_block: Callable[[], nn.Module]
) -> None:
    block = make_block()
    model, given = with_block(make_model, block), images()
    before, kept, all_norms = scores_of(model, given), len(norms_of(block)), len(norms_of(model))
    fold_batch_norms(model)
    assert len(norms_of(block)) == kept < all_norms
    # Only who passes a block by is found by what the model says, and then none is held.
    assert len(norms_of(model)) == (all_norms if make_block is Caller else kept)
    torch.testing.assert_close(scores_of(model, given), before)


def test_a_norm_of_a_block_of_its_own_is_held(make_model: MakeModel) -> None:
    block = Block()
    model, given = with_block(make_model, block), images()
    before = scores_of(model, given)
    fold_batch_norms(model)
    assert not norms_of(block)
    assert_same(scores_of(model, given), before)


def test_a_model_in_training_keeps_its_norms(make_model: MakeModel) -> None:
    model = as_if_trained(make_model()).train()
    count = len(norms_of(model))
    fold_batch_norms(model)
    assert len(norms_of(model)) == count

"""Networks that are built only to be asked."""

from __future__ import annotations

import pytest
import timm
import torch
from torch import nn

from asking import one
from groundwork.models.encoders.timm.encoder import TimmEncoder
from groundwork.models.encoders.timm.networks import probe_network
from groundwork.models.without_memory import without_memory
from groundwork.specs import RasterSpec

INPUTS = one(RasterSpec(bands=["RED", "GREEN"], dtype="int16", nodata=-1))


@pytest.mark.parametrize("name", ["test_vit", "test_resnet", "test_convnext"])
def test_a_network_without_memory_is_the_same_and_draws_nothing(name: str) -> None:
    generator = torch.get_rng_state()
    with without_memory():
        network = timm.create_model(name)
    assert torch.equal(torch.get_rng_state(), generator)
    shapes = {key: (tuple(value.shape), value.dtype) for key, value in timm.create_model(name).state_dict().items()}
    assert all(value.is_meta for value in network.state_dict().values())
    assert {key: (tuple(value.shape), value.dtype) for key, value in network.state_dict().items()} == shapes


def test_gradients_pass_what_changes_a_tensor_in_place() -> None:
    with without_memory():
        layer, image = nn.Linear(3, 3), torch.ones(2, 3)
        total = layer(image).mul_(2).add_(layer.bias).sum()
        assert all(part is not None for part in torch.autograd.grad(total, list(layer.parameters())))


def test_weights_that_have_memory_are_drawn() -> None:
    with without_memory():
        weight = torch.zeros(4, device="cpu")
        nn.init.normal_(weight)
    assert weight.abs().sum() > 0


def test_what_is_found_out_does_not_follow_from_whether_gradients_are_ruled_out() -> None:
    probe_network.cache_clear()
    with torch.inference_mode():
        TimmEncoder(INPUTS, model="test_convnext", out_indices=(0, 1))
    trained = TimmEncoder(INPUTS, model="test_convnext", out_indices=(0, 1))
    found = {name for name, part in trained.named_parameters() if not part.requires_grad}
    probe_network.cache_clear()
    again = TimmEncoder(INPUTS, model="test_convnext", out_indices=(0, 1))
    assert found == {name for name, part in again.named_parameters() if not part.requires_grad}
    image = torch.randn(2, 2, 64, 64)
    sum(level.sum() for level in trained.network(image)).backward()
    assert found == {name for name, part in trained.named_parameters() if part.grad is None}

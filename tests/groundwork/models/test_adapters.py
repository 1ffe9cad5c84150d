"""Adapters train few parameters, and merge into the ordinary weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from asking import ask, one
from groundwork.bundle import Bundle, BundleConfig, PretrainedWeights
from groundwork.config.model import ModelConfig
from groundwork.errors import ComponentError
from groundwork.models.adapters import merge_adapters
from groundwork.models.assembly.encoder_decoder import EncoderDecoderModel
from groundwork.specs import RasterSpec, TargetSpec

MakeModel = Callable[..., EncoderDecoderModel]
VIT = {"encoder": {"name": "timm", "model": "test_vit"}, "decoder": {"name": "fcn", "channels": 8}}


def adapted(make_model: MakeModel, **words: Any) -> EncoderDecoderModel:
    return make_model(**VIT, adapters={"modules": ["qkv"], **words})


def stir(model: nn.Module) -> None:
    """Give every adapter an effect; the second half of LoRA starts at zero."""
    for name, parameter in model.named_parameters():
        if "lora" in name or "hada" in name or "lokr" in name:
            nn.init.normal_(parameter, std=0.2)


@pytest.mark.parametrize("method", ["lora", "loha", "lokr"])
def test_merged_weights_give_the_same_scores(make_model: MakeModel, method: str) -> None:
    model = adapted(make_model, method=method, options={"r": 2})
    stir(model.eval())
    image = torch.randn(1, 3, 160, 160)
    plain = make_model(**VIT).eval()
    merged = merge_adapters(model)
    torch.testing.assert_close(ask(merged, image).output, ask(model, image).output, atol=1e-5, rtol=1e-4)
    assert set(merged.state_dict()) == set(plain.state_dict())
    plain.load_state_dict(merged.state_dict(), strict=True)
    torch.testing.assert_close(ask(plain, image).output, ask(model, image).output, atol=1e-5, rtol=1e-4)


def test_only_adapters_and_what_the_recipe_names_are_trained(make_model: MakeModel) -> None:
    model = adapted(make_model, train_also=["network.model.patch_embed"])
    trained = {name for name, parameter in model.encoder.named_parameters() if parameter.requires_grad}
    assert {name for name in trained if "lora" not in name} == {
        "network.model.patch_embed.proj.weight",
        "network.model.patch_embed.proj.bias",
    }
    assert any("qkv.lora_A" in name for name in trained)
    assert all(parameter.requires_grad for parameter in model.decoder.parameters())


def test_a_bundle_with_adapters_comes_back_and_merges(
    make_model: MakeModel, raster: RasterSpec, target: TargetSpec
) -> None:
    words = {**VIT, "adapters": {"modules": ["qkv"]}}
    model = make_model(**words).eval()
    stir(model)
    config = BundleConfig(
        model=ModelConfig.model_validate(words),
        inputs=one(raster),
        target=target,
        trained=True,
        pretrained=(PretrainedWeights(source="w.pt", loaded=1),),
        provenance={},
    )
    bundle = Bundle(config, model.state_dict())
    image = torch.randn(1, 3, 160, 160)
    merged = bundle.merged()
    assert merged.config.model.adapters is None
    assert not [name for name in merged.weights if "lora" in name]
    for given in (bundle, merged):
        output = ask(given.build_model(), image).output
        torch.testing.assert_close(output, ask(model, image).output, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"method": "lorra"}, "peft adapts no modules by 'lorra'. Did you mean 'lora'"),
        ({"modules": ["qvk"]}, r"no module 'qvk'. Did you mean 'qkv'\?.*'fc1', 'fc2'"),
        ({"options": {"lora_alfa": 2}}, "no option 'lora_alfa'. Did you mean 'lora_alpha'"),
        ({"options": {"r": 0}}, "lora"),
        ({"train_also": ["patch_embd"]}, "train_also: the encoder has no module 'patch_embd'"),
    ],
)
def test_mistakes_are_named(make_model: MakeModel, words: dict[str, Any], message: str) -> None:
    with pytest.raises(ComponentError, match=message):
        adapted(make_model, **words)


def test_without_linear_layers_modules_must_be_named(make_model: MakeModel) -> None:
    unet = {"encoder": {"name": "unet", "channels": [8, 8]}, "decoder": {"name": "fcn", "channels": 8}}
    with pytest.raises(ComponentError, match=r"has no linear layer to adapt"):
        make_model(**unet, adapters={})


@pytest.mark.parametrize("method", ["vera", "adalora", "trainable_tokens"])
def test_methods_that_cannot_work_here_are_not_offered(make_model: MakeModel, method: str) -> None:
    with pytest.raises(ComponentError, match=rf"peft adapts no modules by '{method}'.*Known: \[.*'lora'"):
        adapted(make_model, method=method)


def test_queries_and_values_are_adapted_apart(make_model: MakeModel) -> None:
    words = {"split": ["qkv"], "modules": ["qkv.query", "qkv.value"], "options": {"r": 2, "lora_alpha": 6}}
    model, plain = make_model(**VIT, adapters=words).eval(), make_model(**VIT).eval()
    stir(model)
    weights = model.state_dict()
    assert not any("key.lora" in name for name in weights)
    place = "encoder.network.model.blocks.0.attn.qkv"
    joint = merge_adapters(model).state_dict()[f"{place}.weight"]
    parts = [
        weights[f"{place}.{part}.base_layer.weight"]
        + 3 * weights[f"{place}.{part}.lora_B.default.weight"] @ weights[f"{place}.{part}.lora_A.default.weight"]
        for part in ("query", "value")
    ]
    torch.testing.assert_close(joint, torch.cat([parts[0], weights[f"{place}.key.weight"], parts[1]]))
    image = torch.randn(1, 3, 160, 160)
    plain.load_state_dict(merge_adapters(model).state_dict(), strict=True)
    torch.testing.assert_close(ask(plain, image).output, ask(model, image).output, atol=1e-5, rtol=1e-4)


def test_only_joint_projections_are_taken_apart(make_model: MakeModel) -> None:
    with pytest.raises(ComponentError, match=r"adapters.split: 'network.model.patch_embed.proj' is no joint"):
        make_model(**VIT, adapters={"split": ["proj"]})
    with pytest.raises(ComponentError, match=r"adapters\.split: the encoder has no module 'qvk'\. Did you mean 'qkv'"):
        make_model(**VIT, adapters={"split": ["qvk"]})

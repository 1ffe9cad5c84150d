"""Which weights learn faster or slower: by part, by pattern, by layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from groundwork.bundle import build_factory
from groundwork.config import ModelConfig
from groundwork.config.training import ParameterGroupsConfig
from groundwork.errors import SpecError
from groundwork.models.interface import Model
from groundwork.specs import RasterSpec, TargetSpec
from groundwork.tasks.parameter_groups import group_parameters

MakeSpec = Callable[..., RasterSpec]
TWO = TargetSpec.model_validate(
    {"classes": [{"value": value, "name": f"c{value}", "color": "#000000"} for value in (0, 1)]}
)


def _model(config: dict[str, Any], inputs: dict[str, RasterSpec]) -> Model:
    model = ModelConfig.model_validate({"decoder": {"name": "fcn", "channels": 8}} | config)
    factory = build_factory(model)
    return factory.build_model(factory.resolve(model, inputs, TWO), inputs, TWO)


@pytest.fixture(scope="module")
def vit(make_spec: MakeSpec) -> Model:
    return _model({"encoder": {"name": "timm", "model": "test_vit"}}, {"a": make_spec("RED", "NIR")})


def _rates(model: Model, **config: Any) -> dict[str, tuple[float, bool]]:
    """Return the rate of each weight by name, and whether it decays."""
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    groups = group_parameters(model, ParameterGroupsConfig.model_validate(config))
    found = {names[id(part)]: (group.rate, group.decays) for group in groups for part in group.parameters}
    assert len(found) == sum(len(group.parameters) for group in groups), "each weight once"
    return found


def test_nothing_stated_is_one_group_of_all_in_their_order(vit: Model) -> None:
    (group,) = group_parameters(vit, ParameterGroupsConfig())
    assert [id(part) for part in group.parameters] == [id(part) for part in vit.parameters()]
    assert (group.rate, group.decays) == (1, True)


def test_norms_and_biases_may_be_spared(vit: Model) -> None:
    rates = _rates(vit, decay_norms_and_biases=False)
    parameters = dict(vit.named_parameters())
    assert {name for name, (_, decays) in rates.items() if not decays} == {
        name for name, parameter in parameters.items() if parameter.ndim <= 1
    }
    assert not rates["encoder.network.model.blocks.0.norm1.weight"][1]
    assert rates["encoder.network.model.blocks.0.attn.qkv.weight"][1]


def test_parts_and_patterns_have_rates(vit: Model) -> None:
    rates = _rates(vit, rates={"encoder": 0.1, "*.blocks.5.*": 0.5, "head": 2})
    assert rates["encoder.network.model.blocks.0.attn.qkv.weight"][0] == pytest.approx(0.1)
    assert rates["encoder.network.model.blocks.5.attn.qkv.weight"][0] == pytest.approx(0.05)
    assert rates["head.classify.weight"][0] == 2
    assert {rate for name, (rate, _) in rates.items() if name.startswith("decoder")} == {1}


def test_rates_fall_from_the_last_layer_to_the_embedding(vit: Model) -> None:
    rates = _rates(vit, layer_decay=0.5)
    assert [rates[f"encoder.network.model.blocks.{number}.mlp.fc1.weight"][0] for number in range(6)] == pytest.approx(
        [0.5**6, 0.5**5, 0.5**4, 0.5**3, 0.5**2, 0.5]
    )
    assert rates["encoder.network.model.pos_embed"][0] == rates["encoder.network.model.cls_token"][0] == 0.5**7
    assert {rate for name, (rate, _) in rates.items() if not name.startswith("encoder")} == {1}


def test_each_encoder_of_several_has_its_layers(make_spec: MakeSpec) -> None:
    inputs = {"a": make_spec("RED", reference=True), "b": make_spec("VV", resampling="nearest")}
    encoders = {name: {"name": "timm", "model": "test_vit"} for name in inputs}
    rates = _rates(_model({"encoders": encoders, "necks": [{"name": "merge_sources"}]}, inputs), layer_decay=0.5)
    for source in inputs:
        assert rates[f"encoder.encoders.{source}.network.model.blocks.0.attn.qkv.weight"][0] == 0.5**6


def test_a_list_that_is_one_of_several_stages_is_no_list_of_all_layers(make_spec: MakeSpec) -> None:
    # layer2 alone holds three quarters of the weights: all of layer1 would learn at one rate.
    staged = _model({"encoder": {"name": "smp", "model": "resnet18", "depth": 3}}, {"a": make_spec("RED")})
    with pytest.raises(SpecError, match=r"layer_decay is .* stages with a list in each"):
        _rates(staged, layer_decay=0.5)
    blocks = _model({"encoder": {"name": "timm", "model": "test_efficientnet"}}, {"a": make_spec("RED")})
    assert sorted({rate for rate, _ in _rates(blocks, layer_decay=0.5).values()})[:3] == [0.5**6, 0.5**5, 0.5**4]


def test_what_is_frozen_is_in_no_group(make_spec: MakeSpec) -> None:
    model = _model({"encoder": {"name": "timm", "model": "test_vit"}}, {"a": make_spec("RED")})
    model.freeze_encoder()
    assert not any(name.startswith("encoder") for name in _rates(model))
    with pytest.raises(SpecError, match=r"'encoder' fits no weight that is trained.*Parts: \['decoder', 'head'\]"):
        _rates(model, rates={"encoder": 0.1})


def test_what_fits_nothing_is_refused(vit: Model, make_spec: MakeSpec) -> None:
    with pytest.raises(SpecError, match=r"'encodr' fits no weight that is trained. Did you mean 'encoder'\?"):
        _rates(vit, rates={"encodr": 0.1})
    resnet = _model({"encoder": {"name": "timm", "model": "test_resnet"}}, {"a": make_spec("RED")})
    with pytest.raises(SpecError, match="layer_decay is for encoders whose layers follow one another in one list"):
        _rates(resnet, layer_decay=0.5)

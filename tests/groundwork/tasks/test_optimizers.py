"""Optimisers by name."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from groundwork.config.component import ComponentConfig
from groundwork.errors import ComponentError
from groundwork.registry import build
from groundwork.tasks.optimizers import OPTIMIZERS, OptimizerRecipe
from groundwork.tasks.parameter_groups import ParameterGroup


def _config(name: str, **options: Any) -> ComponentConfig:
    return ComponentConfig.model_validate({"name": name, **options})


def _one_step(config: ComponentConfig, start: float = 1.0) -> tuple[float, torch.optim.Optimizer]:
    """Return where one step on the loss 3 * x takes x."""
    weight = torch.nn.Parameter(torch.tensor(start, dtype=torch.float64))
    optimizer = build(OptimizerRecipe, OPTIMIZERS, config).build([ParameterGroup([weight])])
    (3 * weight).backward()
    optimizer.step()
    return float(weight.detach()), optimizer


def test_sgd_moves_against_the_gradient() -> None:
    moved, optimizer = _one_step(_config("sgd", learning_rate=0.1, momentum=0.5))
    assert moved == pytest.approx(1 - 0.1 * 3)
    assert optimizer.param_groups[0]["momentum"] == 0.5


def test_sgd_decays_weights_as_part_of_the_gradient() -> None:
    assert _one_step(_config("sgd", learning_rate=0.1, weight_decay=0.5))[0] == pytest.approx(1 - 0.1 * (3 + 0.5))


def test_adamw_steps_by_the_learning_rate_and_decays_beside_it() -> None:
    # Adam's first step is the learning rate, whatever the gradient's size.
    moved, optimizer = _one_step(_config("adamw", learning_rate=0.1, weight_decay=0.5, betas=[0.8, 0.9]))
    assert moved == pytest.approx(1 - 0.1 * 0.5 - 0.1, abs=1e-6)
    assert optimizer.param_groups[0]["betas"] == (0.8, 0.9)


def test_mistakes_are_named() -> None:
    with pytest.raises(ComponentError, match=r"no option 'lr'.*Options: learning_rate=0.001"):
        build(OptimizerRecipe, OPTIMIZERS, _config("adamw", lr=0.1))


def test_any_optimiser_of_torch_and_timm_steps() -> None:
    for library, names in (("torch", ("RAdam", "NAdam", "Adagrad", "RMSprop", "Adamax")), ("timm", ("lamb", "lion"))):
        for name in names:
            moved, _ = _one_step(_config(library, optimizer=name, learning_rate=0.1))
            assert moved < 1, name
    moved, optimizer = _one_step(_config("timm", optimizer="nesterov", learning_rate=0.1, options={"momentum": 0.5}))
    assert moved == pytest.approx(1 - 0.1 * (3 + 0.5 * 3), abs=1e-6)
    assert optimizer.param_groups[0]["nesterov"], "what the name says holds"


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (_config("torch", optimizer="Radam", learning_rate=0.1), r"torch.optim has no 'Radam'. Did you mean 'RAdam'\?"),
        (
            _config("torch", optimizer="RAdam", learning_rate=0.1, options={"beta": [0, 1]}),
            r"'RAdam' of torch.optim has no option 'beta'. Did you mean 'betas'\?",
        ),
        (
            _config("torch", optimizer="Adam", learning_rate=0.1, options={"betas": [2, 0.9]}),
            r"'Adam' cannot be built with .*: Invalid beta parameter at index 0: 2",
        ),
        (_config("torch", optimizer="SGD", learning_rate=0.1, options={"lr": 1}), "no option 'lr'"),
        (_config("timm", optimizer="lam", learning_rate=0.1), r"timm.optim has no 'lam'. Did you mean 'lamb'\?"),
        (
            _config("timm", optimizer="lamb", learning_rate=0.1, options={"tru": 1}),
            "'lamb' of timm.optim has no option",
        ),
        (_config("timm", optimizer="lamb"), "learning_rate: must be given"),
    ],
)
def test_options_of_another_optimiser_are_refused(config: ComponentConfig, message: str) -> None:
    with pytest.raises(ComponentError, match=message):
        build(OptimizerRecipe, OPTIMIZERS, config)


def test_a_group_has_its_own_rate_and_decay() -> None:
    weights = [torch.nn.Parameter(torch.ones(1, dtype=torch.float64)) for _ in range(3)]
    groups = [ParameterGroup(weights[:1]), ParameterGroup(weights[1:2], 0.5), ParameterGroup(weights[2:], decays=False)]
    optimizer = build(OptimizerRecipe, OPTIMIZERS, _config("sgd", learning_rate=0.1, weight_decay=0.5)).build(groups)
    (3 * torch.cat(weights)).sum().backward()
    optimizer.step()
    assert [float(weight.detach()) for weight in weights] == pytest.approx([1 - 0.35, 1 - 0.175, 1 - 0.3])

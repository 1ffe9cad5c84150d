"""Optimisers and schedules by name."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from groundwork.config.component import ComponentConfig
from groundwork.errors import ComponentError
from groundwork.registry import build
from groundwork.tasks.optimizers import (
    OPTIMIZERS,
    SCHEDULES,
    CosineSchedule,
    OptimizerRecipe,
    Schedule,
)


def _config(name: str, **options: Any) -> ComponentConfig:
    return ComponentConfig.model_validate({"name": name, **options})


def _one_step(config: ComponentConfig, start: float = 1.0) -> tuple[float, torch.optim.Optimizer]:
    """Return where one step on the loss 3 * x takes x."""
    weight = torch.nn.Parameter(torch.tensor(start, dtype=torch.float64))
    optimizer = build(OptimizerRecipe, OPTIMIZERS, config).build([weight])
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
    with pytest.raises(ComponentError, match=r"Unknown component 'cosin'. Did you mean 'cosine'\?"):
        build(Schedule, SCHEDULES, _config("cosin"))


@given(progress=st.floats(0, 1))
def test_constant_stays(progress: float) -> None:
    assert build(Schedule, SCHEDULES, _config("constant")).factor(progress) == 1


@given(progress=st.floats(0, 1), warmup=st.sampled_from([0.0, 0.1, 0.5, 1.0]), final=st.sampled_from([0.0, 0.2]))
def test_cosine_stays_between_its_ends(progress: float, warmup: float, final: float) -> None:
    factor = CosineSchedule(warmup=warmup, final=final).factor(progress)
    assert 0 <= factor <= 1
    if progress >= warmup:
        assert factor >= final


def test_cosine_rises_and_falls() -> None:
    schedule = CosineSchedule(warmup=0.2, final=0.1)
    assert schedule.factor(0.1) == pytest.approx(0.5)
    assert schedule.factor(0.2) == pytest.approx(1)
    assert schedule.factor(0.6) == pytest.approx(0.1 + 0.9 * 0.5)
    assert schedule.factor(1) == pytest.approx(0.1)
    assert schedule.factor(0.7) == pytest.approx(0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi * 0.5 / 0.8)))
    assert schedule.factor(0) > 0, "the first step is not lost"

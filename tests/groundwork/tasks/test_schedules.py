"""Learning-rate schedules by name: their values, through the optimiser."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.optim.lr_scheduler import CosineAnnealingLR, CyclicLR, LRScheduler, OneCycleLR

from groundwork.config.component import ComponentConfig
from groundwork.errors import ComponentError
from groundwork.registry import build
from groundwork.tasks.schedules import SCHEDULES
from groundwork.tasks.schedules.base import FactorSchedule, Schedule
from groundwork.tasks.schedules.by_progress import CosineSchedule
from groundwork.tasks.schedules.course import Course
from groundwork.tasks.schedules.plateau import WatchedRates

BY_PROGRESS = [name for name in SCHEDULES if name not in {"plateau", "sequence", "torch", "timm"}]


def _schedule(name: str, **options: Any) -> Schedule:
    return build(Schedule, SCHEDULES, ComponentConfig.model_validate({"name": name, **options}))


def _factor(name: str, progress: float, **options: Any) -> float:
    schedule = _schedule(name, **options)
    assert isinstance(schedule, FactorSchedule)
    return schedule.factor(progress)


def _optimizer() -> torch.optim.SGD:
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.5)


def _rates(schedule: Schedule, steps: int) -> list[float]:
    """Return the rate of each step, as a training has it."""
    optimizer = _optimizer()
    made = schedule.build(optimizer, Course(steps, 2))
    assert made["interval"] == "step"
    rates = []
    for _ in range(steps):
        rates.append(float(optimizer.param_groups[0]["lr"]))
        optimizer.step()
        scheduler = made["scheduler"]
        assert isinstance(scheduler, LRScheduler)
        scheduler.step()
    return rates


@given(name=st.sampled_from(BY_PROGRESS), progress=st.floats(0, 1))
def test_factors_lie_between_nothing_and_the_rate(name: str, progress: float) -> None:
    assert 0 <= _factor(name, progress) <= 1


@given(progress=st.floats(0, 1))
def test_constant_stays(progress: float) -> None:
    assert _factor("constant", progress) == 1


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


def test_the_others_go_where_they_say() -> None:
    assert _factor("constant", 0.05, warmup=0.1) == pytest.approx(0.5)
    assert _factor("polynomial", 0.5, power=2) == pytest.approx(0.25)
    assert _factor("polynomial", 0.55, power=1, warmup=0.1, final=0.2) == pytest.approx(0.2 + 0.8 * 0.5)
    assert _factor("exponential", 0.5, final=0.01) == pytest.approx(0.1)
    assert [_factor("steps", at, at=[0.5, 0.8], factor=0.2) for at in (0.4, 0.5, 0.9)] == pytest.approx([1, 0.2, 0.04])
    tops = [_factor("restarts", at, cycles=4, decay=0.5, final=0) for at in (0, 0.25, 0.5)]
    assert tops == pytest.approx([1, 0.5, 0.25])
    assert _factor("restarts", 0.125, cycles=4, final=0) == pytest.approx(0.5)
    assert [_factor("one_cycle", at, peak=0.4, start=0.1, final=0) for at in (0, 0.2, 0.4, 1)] == pytest.approx(
        [0.1, 0.55, 1, 0]
    )


def test_a_sequence_gives_each_its_share() -> None:
    parts = [{"name": "polynomial", "power": 1}, {"name": "constant"}]
    values = [_factor("sequence", at, schedules=parts, shares=[0.5, 0.5]) for at in (0, 0.25, 0.5, 1)]
    assert values == pytest.approx([1, 0.5, 1, 1])
    bare = _factor("sequence", 0.75, schedules=["constant", {"name": "cosine", "warmup": 0}], shares=[0.5, 0.5])
    assert bare == pytest.approx(_factor("cosine", 0.5, warmup=0))


def test_a_plateau_lowers_the_rate_after_epochs_without_a_better_score() -> None:
    optimizer = _optimizer()
    made = _schedule("plateau", factor=0.5, patience=1).build(optimizer, Course(10, 5, "val/miou", "max"))
    scheduler = made["scheduler"]
    assert isinstance(scheduler, WatchedRates)
    rates = []
    for score in (0.5, 0.6, 0.6, 0.55, 0.7):
        scheduler.watch({"val/miou": torch.tensor(score)})
        optimizer.step()
        scheduler.step()
        rates.append(optimizer.param_groups[0]["lr"])
    assert rates == [0.5, 0.5, 0.5, 0.25, 0.25]
    by_loss = _schedule("plateau", patience=0).build(optimizer, Course(10, 5))["scheduler"]
    assert isinstance(by_loss, WatchedRates)
    for loss in (0.5, 0.4, 0.4):
        by_loss.watch({"val/loss": torch.tensor(loss)})
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.025)


def test_torchs_own_give_what_torch_gives() -> None:
    options = {"max_lr": 1.0, "pct_start": 0.4}
    theirs = _optimizer()
    scheduler = OneCycleLR(theirs, total_steps=10, max_lr=1.0, pct_start=0.4)
    expected = []
    for _ in range(9):
        expected.append(theirs.param_groups[0]["lr"])
        theirs.step()
        scheduler.step()
    assert _rates(_schedule("torch", scheduler="OneCycleLR", options=options), 10)[:9] == pytest.approx(expected)
    cosine = _schedule("torch", scheduler="CosineAnnealingLR", each="epoch").build(_optimizer(), Course(100, 7))
    assert isinstance(cosine["scheduler"], CosineAnnealingLR)
    assert (cosine["scheduler"].T_max, cosine["interval"]) == (7, "epoch")
    cyclic = {"base_lr": 0.1, "max_lr": 0.2, "cycle_momentum": False}
    made = _schedule("torch", scheduler="CyclicLR", options=cyclic).build(_optimizer(), Course(9, 1))
    assert isinstance(made["scheduler"], CyclicLR)


def test_timms_own_go_with_the_steps() -> None:
    rates = _rates(_schedule("timm", scheduler="CosineLRScheduler", options={"lr_min": 0.1}), 8)
    assert rates == pytest.approx([0.1 + 0.4 * 0.5 * (1 + math.cos(math.pi * step / 8)) for step in range(8)])


def test_timms_own_go_on_where_they_stopped() -> None:
    schedule, optimizer = _schedule("timm", scheduler="TanhLRScheduler"), _optimizer()
    whole = _rates(schedule, 8)
    first = schedule.build(optimizer, Course(8, 1))["scheduler"]
    for _ in range(4):
        optimizer.step()
        first.step()  # type: ignore[call-arg]
    resumed = _optimizer()
    second = schedule.build(resumed, Course(8, 1))["scheduler"]
    second.load_state_dict(first.state_dict())
    resumed.load_state_dict(optimizer.state_dict())
    resumed.step()
    second.step()  # type: ignore[call-arg]
    assert resumed.param_groups[0]["lr"] == pytest.approx(whole[5])


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("cosin", {}, r"Unknown component 'cosin'. Did you mean 'cosine'\?"),
        ("steps", {"at": [0.8, 0.5]}, r"'steps' needs shares of the training in rising order.*found \[0.8, 0.5\]"),
        (
            "sequence",
            {"schedules": [{"name": "constant"}], "shares": [0.5]},
            r"a share for each of 1 schedules, together 1; found \[0.5\]",
        ),
        (
            "sequence",
            {"schedules": [{"name": "constant"}, {"name": "plateau"}], "shares": [0.5, 0.5]},
            "'plateau' does not go by the progress of the training",
        ),
        ("torch", {"scheduler": "ReduceLROnPlateau"}, "take the schedule 'plateau'"),
        ("torch", {"scheduler": "OneCycle"}, r"no 'OneCycle'. Did you mean 'OneCycleLR'\?"),
        ("torch", {"scheduler": "StepLR", "options": {"step": 1}}, r"no option 'step'. Did you mean 'step_size'\?"),
        ("timm", {"scheduler": "CosineLR"}, r"timm.scheduler has no 'CosineLR'. Did you mean 'CosineLRScheduler'\?"),
    ],
)
def test_mistakes_are_named(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ComponentError, match=message):
        _schedule(name, **options)


def test_a_value_that_torch_does_not_take_is_named() -> None:
    schedule = _schedule("torch", scheduler="StepLR")
    with pytest.raises(ComponentError, match=r"'StepLR' cannot be built with .*step_size"):
        schedule.build(_optimizer(), Course(4, 1))

"""Runners that would leave results to chance are refused, with what to take instead."""

from __future__ import annotations

import pytest
from kedro.framework.project import pipelines
from kedro.runner import ParallelRunner, SequentialRunner, ThreadRunner

from fieldwork.runners import RunnerError, check_runner, name_of
from groundwork.config import InferenceConfig

pytestmark = pytest.mark.usefixtures("project")

PLAIN, DRAWING = InferenceConfig(), InferenceConfig(dropout_samples=4)


@pytest.mark.parametrize(
    "runner",
    [None, "SequentialRunner", SequentialRunner(), ParallelRunner()],
    ids=["none", "name", "sequential", "parallel"],
)
def test_these_run_everything(runner: object) -> None:
    check_runner({"runner": runner}, pipelines["__default__"], DRAWING)


@pytest.mark.parametrize(
    "runner", ["ThreadRunner", ThreadRunner(), str(ThreadRunner())], ids=["name", "runner", "text"]
)
def test_threads_are_refused_where_nodes_would_draw_at_once(runner: object) -> None:
    with pytest.raises(
        RunnerError, match=r"'training\.train_model' in one process with \['model_build\.describe_model'\]"
    ):
        check_runner({"runner": runner}, pipelines["__default__"], PLAIN)
    message = r"Take SequentialRunner .* or ParallelRunner, or .*`kedro run --pipelines training --runner ThreadRunner`"
    with pytest.raises(RunnerError, match=message):
        check_runner({"runner": runner}, pipelines["__default__"], PLAIN)


@pytest.mark.parametrize(
    "name", ["data_prep", "training", "evaluation", "inference", "report", "export", "learning_rate_search"]
)
def test_threads_may_run_one_pipeline(name: str) -> None:
    check_runner({"runner": "ThreadRunner"}, pipelines[name], PLAIN)


def test_dropout_as_in_training_draws_too() -> None:
    found = (
        r"'evaluation\.draw_panel' in one process with \['evaluation\.draw_extremes', 'evaluation\.evaluate_model'\]"
    )
    with pytest.raises(RunnerError, match=found) as caught:
        check_runner({"runner": "ThreadRunner"}, pipelines["evaluation"], DRAWING)
    assert "--pipelines" not in str(caught.value), "by itself that pipeline would be refused again"


def test_names_of_runners_are_read_as_kedro_gives_them() -> None:
    assert name_of(str(ThreadRunner())) == name_of(ThreadRunner()) == name_of("ThreadRunner") == "ThreadRunner"
    assert name_of(None) == "SequentialRunner"

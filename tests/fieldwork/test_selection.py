from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from kedro.pipeline import Pipeline, node

from fieldwork.selection import UnknownNameError, check_selection


def same(value: int) -> int:
    """Give back what comes in."""
    return value


FIRST = Pipeline([node(same, "scenes", "samples", name="index", tags="quick")], namespace="data", inputs={"scenes"})
SECOND = Pipeline([node(same, "weights", "scores", name="judge")])
PIPELINES = {"first": FIRST, "second": SECOND, "__default__": FIRST + SECOND}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pipelines": ["frist"]}, r"no pipeline 'frist'\. Did you mean 'first'\?"),
        ({"pipeline": "secnd"}, r"no pipeline 'secnd'\. Did you mean 'second'\?"),
        ({"node_names": ["juge"]}, r"no node 'juge'\. Did you mean 'judge'\?"),
        ({"pipelines": ["first"], "to_nodes": ["judge"]}, r"no node 'judge'\. Known: \['data\.index'\]"),
        ({"from_nodes": ["judges"]}, r"Did you mean 'judge'\?"),
        ({"from_inputs": ["scnes"]}, r"no catalog entry 'scnes'\. Did you mean 'scenes'\?"),
        ({"to_outputs": ["score"]}, r"no catalog entry 'score'\. Did you mean 'scores'\?"),
        ({"tags": ["quik"]}, r"no tag 'quik'\. Did you mean 'quick'\?"),
        ({"pipelines": ["second"], "tags": ["quick"]}, r"no tag 'quick'\. This project has no tags\."),
        ({"namespaces": ["dat"]}, r"no namespace 'dat'\. Did you mean 'data'\?"),
    ],
)
def test_what_is_not_there_is_refused_with_the_near_miss(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UnknownNameError, match=message):
        check_selection(options, PIPELINES)


def test_what_is_there_passes() -> None:
    check_selection({}, PIPELINES)
    check_selection(
        {"pipelines": ["first", "second"], "tags": ["quick"], "node_names": ["judge"], "namespaces": ["data"]},
        PIPELINES,
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--env", "hls_watr"], "There is no environment 'hls_watr'"),
        (["--pipelines", "trainig"], "There is no pipeline 'trainig'. Did you mean 'training'?"),
        (["--tags", "x"], "There is no tag 'x'."),
        (["--runner", "Parallel"], "has no attribute 'Parallel'"),
        (["--params", "seed=abc"], "seed: must be a whole number; found 'abc'"),
    ],
)
def test_a_mistyped_command_ends_on_one_screen(project: Path, arguments: list[str], message: str) -> None:
    environment = {**os.environ, "COLUMNS": "200", "PYTHONPATH": str(project / "src")}
    environment.pop("FIELDWORK_TRACEBACK", None)
    command = [sys.executable, "-m", "kedro", "run", *arguments]
    ran = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 1
    assert message in ran.stderr
    assert "Traceback" not in ran.stdout + ran.stderr
    assert len((ran.stdout + ran.stderr).splitlines()) <= 24

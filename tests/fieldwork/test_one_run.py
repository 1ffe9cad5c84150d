"""Two runs never make the same results at the same time."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from kedro.io import DataCatalog

from fieldwork.one_run import AnotherRunError, OneRun
from fieldwork.pipeline_registry import register_pipelines
from fieldwork.settings import HOOKS

PIPELINES = register_pipelines()
HOLD = """
import fcntl, sys
file = open(sys.argv[1], "a+")
fcntl.lockf(file, fcntl.LOCK_EX)
file.write("process 7")
file.flush()
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def other(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another run, which trains and predicts."""
    (tmp_path / "run").mkdir()
    made = [
        subprocess.Popen(
            [sys.executable, "-c", HOLD, str(tmp_path / f"run/.{name}.lock")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in ("training", "inference")
    ]
    for process in made:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
    yield made[0]
    for process in made:
        process.kill()
        process.communicate()


def _begin(hook: OneRun, folder: Path, *names: str, **parameters: Any) -> None:
    record = {"type": "json.JSONDataset", "filepath": str(folder / "run/{pipeline}.json")}
    hook.after_context_created(SimpleNamespace(config_loader={"parameters": parameters}))
    for name in names:
        hook.before_pipeline_run(PIPELINES[name], DataCatalog.from_config({"run_record_{pipeline}": record}))


def test_a_second_run_is_refused_until_the_first_one_ends(
    tmp_path: Path, other: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fieldwork.run_record.pipelines", PIPELINES)
    [hook] = [OneRun() for hook in HOOKS if isinstance(hook, OneRun)]
    for name in ("training", "__default__"):
        with pytest.raises(AnotherRunError, match=r"Another run \(process 7\) makes the results of '\w+' in .*0,"):
            _begin(hook, tmp_path, name)
    _begin(hook, tmp_path, "data_prep", "evaluation", "report")
    other.kill()
    other.wait()
    _begin(hook, tmp_path, "training", "training")
    assert (tmp_path / "run/.training.lock").read_text().startswith("process ")
    hook.on_pipeline_error()


def test_shares_of_the_scenes_are_predicted_side_by_side(
    tmp_path: Path, other: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert other.poll() is None
    monkeypatch.setattr("fieldwork.run_record.pipelines", PIPELINES)
    hook = OneRun()
    _begin(hook, tmp_path, "inference", inference={"shard": {"index": 0, "count": 2}})
    hook.after_pipeline_run()
    with pytest.raises(AnotherRunError, match="'inference'"):
        _begin(hook, tmp_path, "inference", inference={"shard": None})

"""Results that are there and are kept were made with the parameters that are stated, or it is said."""

from __future__ import annotations

import copy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from kedro.io import DataCatalog, MemoryDataset

from fieldwork.config_loader import RecipeConfigLoader
from fieldwork.kept_results import KeptResults
from fieldwork.pipeline_registry import register_pipelines
from fieldwork.settings import CONFIG_LOADER_ARGS, HOOKS
from groundwork.config.merging import merge

ROOT = Path(__file__).parents[2]
PIPELINES = register_pipelines()
STATED: dict[str, Any] = RecipeConfigLoader(str(ROOT / "conf"), env="local", **CONFIG_LOADER_ARGS)["parameters"]


def _told(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, recorded: Any, **options: bool) -> str:
    """Return what is said of a run of all, where a training left a record."""
    monkeypatch.setattr("fieldwork.run_record.pipelines", PIPELINES)
    [hook] = [KeptResults() for hook in HOOKS if isinstance(hook, KeptResults)]
    hook.after_context_created(SimpleNamespace(config_loader={"parameters": STATED}))
    records = {"run_record_training": MemoryDataset({"parameters": recorded})}
    hook.before_pipeline_run(options, PIPELINES["__default__"], DataCatalog(records))
    return caplog.text


#: As a record has it: of ``data_prep`` only what results depend on.
RECORDED: dict[str, Any] = {
    "data_prep": {"on_bad_scene": "refuse"},
    **copy.deepcopy({key: STATED[key] for key in ("training", "seed")}),
}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"training": {"max_epochs": 1}}, "'training.max_epochs' was 1 and is 12"),
        ({"seed": 7}, "'seed' was 7 and is 0"),
        ({"data_prep": {"on_bad_scene": "leave_out"}}, '\'data_prep.on_bad_scene\' was "leave_out" and is "refuse"'),
    ],
)
def test_what_is_kept_of_other_parameters_is_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, change: dict[str, Any], told: str
) -> None:
    said = _told(monkeypatch, caplog, merge(RECORDED, change), only_missing_outputs=True)
    assert told in said
    assert "`kedro run` without --only-missing-outputs makes them anew" in said


def test_nothing_is_said_of_the_same_or_where_all_runs(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    # What is stated as the default is the same, and what an earlier version stated cannot be compared.
    training = merge(RECORDED["training"], {"keep_best": 1})
    same = {**RECORDED, "training": training, "evaluation": {"gone": 1}, "gone": 1}
    assert _told(monkeypatch, caplog, same, only_missing_outputs=True) == ""
    assert _told(monkeypatch, caplog, merge(RECORDED, {"seed": 7}), only_missing_outputs=False) == ""

"""MLflow and DVCLive hold what a run made, and leave nothing anywhere else."""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline, node
from PIL import Image
from pydantic import ValidationError

from fieldwork.tracking import Tracking, TrackingError, flat
from fieldwork.tracking_config import TrackingConfig

PARAMETERS = {"seed": 3, "model": {"encoder": {"name": "timm"}, "necks": [{"name": "select"}]}, "unused": 1}


def _anything(**values: Any) -> None:
    """Make what the catalog holds already."""


MADE = {"metrics", "confusion_figure", "report", "trained_bundle", "history"}


def _run(folder: Path, tracking: Any, made: set[str] = MADE) -> Tracking:
    files = {
        "metrics": "metrics.json",
        "confusion_figure": "confusion.png",
        "report": "report.html",
        "trained_bundle": "trained",
    }
    catalog = DataCatalog.from_config(
        {
            "history": {"type": "pandas.CSVDataset", "filepath": str(folder / "history.csv")},
            "tracking_folder": {"type": "fieldwork.io.folder.FolderDataset", "path": str(folder / "tracking")},
            **{name: {"type": "json.JSONDataset", "filepath": str(folder / path)} for name, path in files.items()},
        }
    )
    (folder / "metrics.json").write_text(json.dumps({"test": {"miou": 0.5, "iou": {"a b": 0.25, "ä": None}}}))
    (folder / "history.csv").write_text("epoch,train/loss,val/miou,note\n0,2.5,,x\n1,1.5,0.5,y\n")
    Image.new("RGB", (4, 3), "red").save(folder / "confusion.png")
    (folder / "report.html").write_text("page")
    (folder / "trained").mkdir(exist_ok=True)
    (folder / "trained" / "bundle.json").write_text("{}")
    inputs = {name: f"params:{name}" for name in ("seed", "model")}
    pipeline = Pipeline([node(_anything, inputs, [*sorted(made), "not_made"], name="all")])
    hook = Tracking()
    loader = {"parameters": PARAMETERS | {"tracking": tracking}}
    hook.after_context_created(SimpleNamespace(config_loader=loader))
    hook.before_pipeline_run()
    hook.after_pipeline_run(pipeline, catalog)
    return hook


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory that is no project, to see what is left in it."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def test_mlflow_holds_parameters_scores_history_figures_and_the_bundle(tmp_path: Path, elsewhere: Path) -> None:
    mlflow = pytest.importorskip("mlflow")
    for _ in range(2):
        _run(tmp_path, {"name": "mlflow", "experiment": "land"})
    folder = tmp_path / "tracking"
    client = mlflow.MlflowClient(f"sqlite:///{folder}/mlflow.db")
    runs = client.search_runs([client.get_experiment_by_name("land").experiment_id])
    assert [(run.info.run_name, run.info.status) for run in runs] == [("base", "FINISHED")] * 2
    run = runs[0]
    assert run.data.params == {"seed": "3", "model.encoder.name": "timm", "model.necks.0.name": "select"}
    assert run.data.metrics == {"test.miou": 0.5, "test.iou.a b": 0.25, "train/loss": 1.5, "val/miou": 0.5}
    by_epoch = {name: client.get_metric_history(run.info.run_id, name) for name in ("train/loss", "val/miou")}
    found = {name: [(entry.step, entry.value) for entry in entries] for name, entries in by_epoch.items()}
    assert found == {"train/loss": [(0, 2.5), (1, 1.5)], "val/miou": [(1, 0.5)]}
    kept = folder / "mlflow" / run.info.run_id / "artifacts"
    files = {path.relative_to(kept).as_posix() for path in kept.rglob("*") if path.is_file()}
    assert files == {"figures/confusion.png", "report/report.html", "trained_bundle/bundle.json"}
    assert {path.name for path in folder.iterdir()} == {"mlflow", "mlflow.db"}
    assert list(elsewhere.iterdir()) == []
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"


def test_dvclive_holds_the_same_and_leaves_dvcs_files_alone(tmp_path: Path, elsewhere: Path) -> None:
    pytest.importorskip("dvclive")
    for _ in range(2):
        _run(tmp_path, "dvclive")
    folder = tmp_path / "tracking/dvclive/groundwork/base"
    parameters = yaml.safe_load((folder / "params.yaml").read_text())
    assert parameters == {"seed": 3, "model.encoder.name": "timm", "model.necks.0.name": "select"}
    scores = json.loads((folder / "metrics.json").read_text())
    assert scores == {
        "train": {"loss": 1.5}, "val": {"miou": 0.5}, "test.miou": 0.5, "test.iou.a b": 0.25, "step": 1,
    }  # fmt: skip
    assert (folder / "plots/metrics/train/loss.tsv").read_text() == "step\tloss\n0\t2.5\n1\t1.5\n"
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert files == {
        "params.yaml", "metrics.json", "plots/metrics/train/loss.tsv", "plots/metrics/val/miou.tsv",
        "plots/images/confusion_figure.png", "artifacts/report.html", "artifacts/trained/bundle.json",
    }  # fmt: skip
    assert list(elsewhere.iterdir()) == []


def test_a_run_that_trains_nothing_adds_to_the_files_of_dvclive(tmp_path: Path) -> None:
    pytest.importorskip("dvclive")
    _run(tmp_path, "dvclive", {"history", "trained_bundle"})
    _run(tmp_path, "dvclive", {"metrics", "confusion_figure", "report"})
    folder = tmp_path / "tracking/dvclive/groundwork/base"
    scores = json.loads((folder / "metrics.json").read_text())
    assert scores == {
        "train": {"loss": 1.5}, "val": {"miou": 0.5}, "test.miou": 0.5, "test.iou.a b": 0.25, "step": 1,
    }  # fmt: skip
    assert (folder / "plots/metrics/train/loss.tsv").read_text() == "step\tloss\n0\t2.5\n1\t1.5\n"
    assert (folder / "artifacts/trained/bundle.json").is_file()
    assert (folder / "artifacts/report.html").is_file()


def test_nothing_is_recorded_unless_asked_for(tmp_path: Path) -> None:
    _run(tmp_path, None)
    assert not (tmp_path / "tracking").exists()


@pytest.mark.parametrize("name", ["mlflow", "dvclive"])
def test_what_is_not_installed_is_refused_before_the_run(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr("fieldwork.tracking.find_spec", lambda package: None)
    hook = Tracking()
    hook.after_context_created(SimpleNamespace(config_loader={"parameters": {"tracking": name}}))
    with pytest.raises(
        TrackingError, match=rf"needs the package {name}.*`uv pip install -e '\.\[{name}\]'` in the project"
    ):
        hook.before_pipeline_run()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("mlfow", "Input should be 'mlflow' or 'dvclive'"),
        ({"name": "dvclive", "server": "https://host"}, "'server' is for mlflow, and 'name' is dvclive"),
        ({"name": "mlflow", "server": "data/x.db"}, "should match pattern"),
        ({"name": "mlflow", "experimnt": "a"}, "experimnt"),
    ],
)
def test_wrong_options_are_refused(given: Any, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        TrackingConfig.model_validate(given)


def test_nested_values_get_names_with_dots() -> None:
    assert dict(flat({"a": {"b": [1, {"c": None}]}, "d": "e"})) == {"a.b.0": 1, "a.b.1.c": None, "d": "e"}
